import { useEffect, useRef } from 'preact/hooks';
import { formatCount, formatRate } from '../../../format.js';
import { ToClientIcon, ToServerIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import { shownTheme } from '../../../theme.js';
import type { Flow, Flows, Meter } from './meter.js';

/** Both directions of this connection at once: up is towards the server, down is towards the client. */
export function TrafficMeter({ meter }: { readonly meter: Meter }) {
  const flows = useStore(meter.flows);
  return (
    <div class="meter" role="group" aria-label="Traffic of this connection">
      <MeterGraph flows={flows} />
      <dl class="meter-numbers numbers">
        <FlowNumbers label="To the server" flow={flows.toServer} towards="server" />
        <FlowNumbers label="To the client" flow={flows.toClient} towards="client" />
      </dl>
    </div>
  );
}

function FlowNumbers(props: {
  readonly label: string;
  readonly flow: Flow;
  readonly towards: 'server' | 'client';
}) {
  return (
    <div class="meter-row">
      <dt>
        {props.towards === 'server' ? <ToServerIcon /> : <ToClientIcon />}
        <span class="unseen">{props.label}</span>
      </dt>
      <dd class="meter-messages">{formatCount(props.flow.messages)} msg/s</dd>
      <dd class="meter-bytes">{formatRate(props.flow.bytes)}</dd>
    </div>
  );
}

const width = 128;
const height = 32;
const bar = 2;

/** Time runs to the left; the bars grow with the logarithm, so that a trickle is seen beside a flood. */
function barHeight(bytes: number): number {
  if (bytes === 0) return 0;
  return Math.min(height / 2 - 1, 1 + Math.log10(1 + bytes / 16) * 4.5);
}

function MeterGraph({ flows }: { readonly flows: Flows }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useStore(shownTheme);
  useEffect(() => {
    if (canvas.current) paint(canvas.current, flows);
  }, [flows, theme]);
  return <canvas ref={canvas} class="meter-graph" aria-hidden="true" />;
}

function paint(canvas: HTMLCanvasElement, flows: Flows): void {
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  if (!context) return;
  const style = getComputedStyle(canvas);
  context.scale(ratio, ratio);
  context.fillStyle = style.borderTopColor;
  context.fillRect(0, height / 2 - 0.5, width, 1);
  context.fillStyle = style.color;
  paintBars(flows.toServer, (x, size) => context.fillRect(x, height / 2 - 1 - size, bar - 0.5, size));
  context.fillStyle = style.outlineColor;
  paintBars(flows.toClient, (x, size) => context.fillRect(x, height / 2 + 1, bar - 0.5, size));
}

function paintBars({ history }: Flow, fill: (x: number, size: number) => void): void {
  for (const [index, bytes] of history.entries()) {
    const x = width - (history.length - index) * bar;
    fill(x, barHeight(bytes));
  }
}
