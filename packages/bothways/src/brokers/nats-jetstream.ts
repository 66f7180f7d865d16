// What we need of the object that `jetstream()` of `@nats-io/jetstream` makes, by its shape.

import { isObject } from '../protocol/options.js';

/** How a stream is made; times are nanoseconds. */
export interface NatsStreamConfig {
  readonly max_msgs_per_subject: number;
  readonly max_age: number;
  readonly duplicate_window: number;
}

export interface NatsStreamInfo {
  readonly created: string;
  readonly config: NatsStreamConfig;
  readonly state: {
    readonly first_seq: number;
    readonly last_seq: number;
    /** How many messages there are of each subject, of those that were asked for. */
    readonly subjects?: Readonly<Record<string, number>> | undefined;
  };
}

/** Which message of a stream: the last one of a subject, or the next one from a number on. */
export type NatsMessageQuery =
  { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string };

export interface NatsJetStreamManager {
  readonly streams: {
    info(name: string, options?: { readonly subjects_filter: string }): Promise<NatsStreamInfo>;
    add(config: object): Promise<NatsStreamInfo>;
    update(name: string, config: object): Promise<NatsStreamInfo>;
    /** `null` when there is none. */
    getMessage(
      name: string,
      query: NatsMessageQuery,
    ): Promise<{ readonly seq: number; readonly data: Uint8Array } | null>;
    purge(name: string, options: { readonly filter: string; readonly seq: number }): Promise<unknown>;
  };
}

/** A message of a stream. */
export interface NatsStoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly info: { readonly pending: number; readonly timestampNanos: number };
}

export interface NatsConsumer {
  info(cached: boolean): Promise<{ readonly num_pending: number }>;
  fetch(options: object): Promise<AsyncIterable<NatsStoredMessage>>;
  delete(): Promise<boolean>;
}

/** JetStream, as `jetstream()` of `@nats-io/jetstream` gives it. */
export interface NatsJetStream {
  publish(
    subject: string,
    payload: Uint8Array,
    options: { msgID: string; timeout: number; expect?: { lastSubjectSequence: number } },
  ): Promise<{ readonly seq: number }>;
  jetstreamManager(): Promise<NatsJetStreamManager>;
  readonly consumers: { get(stream: string, options: object): Promise<NatsConsumer> };
}

export function isJetStream(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof (value as NatsJetStream).publish === 'function' &&
    typeof (value as NatsJetStream).jetstreamManager === 'function' &&
    typeof (value as Partial<NatsJetStream>).consumers?.get === 'function'
  );
}

/** JetStream has answered that it will not do something, rather than not at all. */
export function isJetStreamAnswer(error: unknown): error is Error {
  return error instanceof Error && 'apiError' in error;
}

export function isStreamMissing(error: unknown): boolean {
  return isJetStreamAnswer(error) && error.name === 'StreamNotFoundError';
}
