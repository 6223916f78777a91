import type { JSX } from "preact";

const stroke = { fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" } as const;

/** Beside text that says the same, so it is nothing to a screen reader. */
function Icon({ path }: { readonly path: string }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false" {...stroke}>
      <path d={path} />
    </svg>
  );
}

export const Back = (): JSX.Element => <Icon path="M15 5l-7 7 7 7" />;
export const Clock = (): JSX.Element => <Icon path="M12 7v5l3 2M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18" />;
export const Check = (): JSX.Element => <Icon path="M5 13l4 4L19 7" />;
export const Checks = (): JSX.Element => <Icon path="M1 13l4 4L15 7M11 16l1 1L22 7" />;
export const Close = (): JSX.Element => <Icon path="M6 6l12 12M18 6L6 18" />;
export const Help = (): JSX.Element => (
  <Icon path="M9.5 9a2.5 2.5 0 1 1 3.4 2.3c-.6.3-.9.8-.9 1.5M12 16.5v.1M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18" />
);
export const People = (): JSX.Element => (
  <Icon path="M9 11a3.5 3.5 0 1 0 0-7a3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.5a6.5 6.5 0 0 1 3.5 5.5" />
);
export const Plus = (): JSX.Element => <Icon path="M12 5v14M5 12h14" />;
export const Send = (): JSX.Element => <Icon path="M4 12h14M12 5l7 7-7 7" />;
export const Warning = (): JSX.Element => (
  <Icon path="M12 9v4M12 17v.1M10.3 4L2.6 17.5A2 2 0 0 0 4.3 20.5h15.4a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0" />
);

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M9 7v18M9 16h14M23 7v18" {...stroke} stroke-width={3.4} />
    </svg>
  );
}
