import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { ThemeSwitch } from '../../shell/theme-switch.js';
import { useStore } from '../../store.js';
import { EchoConsole } from './echo/echo-console.js';
import { EchoPanel } from './echo/echo-panel.js';
import { MqttConsole } from './mqtt/mqtt-console.js';
import { MqttPanel } from './mqtt/mqtt-panel.js';
import type { ConsoleModel } from './parts/console-model.js';
import { phases } from './parts/phase-mark.js';
import { StompConsole } from './stomp/stomp-console.js';
import { StompPanel } from './stomp/stomp-panel.js';
import './gateway.css';

/** A console, and the tab that shows it. */
interface Console {
  /** Its name in the address, behind the `#`. */
  readonly id: string;
  readonly title: string;
  readonly model: ConsoleModel;
  readonly panel: ComponentChildren;
}

function createConsoles(): readonly [Console, ...Console[]] {
  const [stomp, mqtt, echo] = [new StompConsole(), new MqttConsole(), new EchoConsole()];
  return [
    { id: 'stomp', title: 'STOMP', model: stomp, panel: <StompPanel model={stomp} /> },
    { id: 'mqtt', title: 'MQTT', model: mqtt, panel: <MqttPanel model={mqtt} /> },
    { id: 'echo', title: 'Echo', model: echo, panel: <EchoPanel model={echo} /> },
  ];
}

/** Consoles for the servers behind the gateway. Each keeps its connection while another one is shown. */
export function GatewayView() {
  const consoles = useMemo(createConsoles, []);
  const [shown, setShown] = useState(consoles.find(({ id }) => location.hash === `#${id}`) ?? consoles[0]);
  useEffect(() => () => consoles.forEach(({ model }) => model.dispose()), [consoles]);
  const show = (next: Console): void => {
    setShown(next);
    history.replaceState(null, '', `#${next.id}`);
  };
  return (
    <div class="gateway">
      <header class="gateway-bar">
        <h1 class="gateway-title">Gateway</h1>
        <Tabs consoles={consoles} shown={shown} show={show} />
        <div class="gateway-theme">
          <ThemeSwitch />
        </div>
      </header>
      {consoles.map((one) => (
        <section
          key={one.id}
          id={`console-${one.id}`}
          class="console"
          role="tabpanel"
          aria-labelledby={`tab-${one.id}`}
          hidden={one !== shown}
        >
          {one.panel}
        </section>
      ))}
    </div>
  );
}

interface TabsProps {
  readonly consoles: readonly Console[];
  readonly shown: Console;
  readonly show: (next: Console) => void;
}

/** The pattern of the ARIA Authoring Practices: one of them is in the order of Tab, arrows go through them. */
function Tabs({ consoles, shown, show }: TabsProps) {
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = consoles.at((consoles.indexOf(shown) + step) % consoles.length)!;
    show(next);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div class="gateway-tabs" role="tablist" aria-label="Protocols" onKeyDown={move}>
      {consoles.map((one) => (
        <Tab key={one.id} console={one} isShown={one === shown} show={() => show(one)} />
      ))}
    </div>
  );
}

function Tab(props: { readonly console: Console; readonly isShown: boolean; readonly show: () => void }) {
  const { id, title, model } = props.console;
  const { phase } = useStore(model.wire.state);
  const { word, Icon } = phases[phase];
  return (
    <button
      type="button"
      id={`tab-${id}`}
      class="gateway-tab"
      role="tab"
      aria-selected={props.isShown}
      aria-controls={`console-${id}`}
      tabIndex={props.isShown ? 0 : -1}
      onClick={props.show}
    >
      <span class={`gateway-tab-phase phase-${phase}`} title={word}>
        <Icon />
      </span>
      {title}
    </button>
  );
}
