export const JOBS: Readonly<
  Record<string, (job: object) => Promise<{ readonly messages?: number; readonly error?: string }>>
>;
