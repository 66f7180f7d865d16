import type { ComponentChildren } from 'preact';

/** Line icons on a grid of 20. They only repeat what the text or the label beside them says. */
function Icon({ size = 20, children }: { readonly size?: number; readonly children: ComponentChildren }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

/** Both ways: an arrow towards the server and one towards the client. */
export function MarkIcon() {
  return (
    <svg width="28" height="28" viewBox="0 0 28 28" fill="none" aria-hidden="true" stroke-width="2.5">
      <g stroke-linecap="round" stroke-linejoin="round">
        <path class="to-server" stroke="currentColor" d="M4 9.5h18M17 4.5l5.5 5-5.5 5" />
        <path class="to-client" stroke="currentColor" d="M24 18.5H6M11 13.5l-5.5 5 5.5 5" />
      </g>
    </svg>
  );
}

export const TalkIcon = () => (
  <Icon>
    <path d="M3 4.5h14v9H9l-3.5 3v-3H3z" />
    <path d="M6.5 7.75h7M6.5 10.25h4.5" />
  </Icon>
);

export const GatewayIcon = () => (
  <Icon>
    <path d="M7.5 3.5v13M12.5 3.5v13M2.5 10h15M5 7.5L2.5 10 5 12.5M15 7.5l2.5 2.5-2.5 2.5" />
  </Icon>
);

export const BoardIcon = () => (
  <Icon>
    <path d="M3 14c2.5-7 4.5-9 6-7.5S7 12.5 9 13.5s4-6 8-8" />
  </Icon>
);

export const LightIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.25" />
    <path d="M10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1" />
  </Icon>
);

export const DarkIcon = () => (
  <Icon>
    <path d="M16.5 11.5A7 7 0 0 1 8.5 3.5a7 7 0 1 0 8 8z" />
  </Icon>
);

export const SystemIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 3.5v13a6.5 6.5 0 0 0 0-13z" fill="currentColor" />
  </Icon>
);

export const SendIcon = () => (
  <Icon>
    <path d="M10 16.5V4M5 8.5l5-5 5 5" />
  </Icon>
);

export const UndoIcon = () => (
  <Icon>
    <path d="M7.5 4L4 7.5 7.5 11M4.5 7.5H12a4 4 0 0 1 0 8H8" />
  </Icon>
);

export const ClearIcon = () => (
  <Icon>
    <path d="M4 6h12M8 6V4h4v2M5.5 6l.75 10.5h7.5L14.5 6" />
  </Icon>
);

export const WindowIcon = () => (
  <Icon>
    <path d="M12.5 11.5v4.5h-9V7H8M10.5 3.5h6v6M16 4l-6 6" />
  </Icon>
);

export const DismissIcon = () => (
  <Icon size={16}>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
);

export const ChevronIcon = () => (
  <Icon size={16}>
    <path d="M5 8l5 5 5-5" />
  </Icon>
);

/** Filled and pointing up: towards the server. */
export const ToServerIcon = () => (
  <svg class="to-server" width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
    <path d="M5 .75L9.5 9h-9z" fill="currentColor" />
  </svg>
);

/** Hollow and pointing down: towards the client. */
export const ToClientIcon = () => (
  <svg class="to-client" width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
    <path d="M5 8.6L1.1 1.4h7.8z" fill="none" stroke="currentColor" stroke-width="1.4" />
  </svg>
);

export const UnusedIcon = () => (
  <Icon size={16}>
    <circle cx="10" cy="10" r="7.5" stroke-width="2" />
  </Icon>
);

export const ConnectingIcon = () => (
  <Icon size={16}>
    <circle cx="10" cy="10" r="7" stroke-dasharray="3.6 3.73" stroke-width="2" />
  </Icon>
);

export const OpenIcon = () => (
  <Icon size={16}>
    <circle cx="10" cy="10" r="8.5" fill="currentColor" stroke="none" />
    <path d="M6.5 10.2l2.5 2.5 4.7-5" stroke="var(--surface)" stroke-width="2" />
  </Icon>
);

export const ClosingIcon = () => (
  <Icon size={16}>
    <circle cx="10" cy="10" r="7.5" stroke-width="2" />
    <path d="M10 2.5a7.5 7.5 0 0 1 0 15z" fill="currentColor" stroke="none" />
  </Icon>
);

export const ClosedIcon = () => (
  <Icon size={16}>
    <circle cx="10" cy="10" r="7.5" stroke-width="2" />
    <path d="M7.25 7.25l5.5 5.5M12.75 7.25l-5.5 5.5" stroke-width="2" />
  </Icon>
);
