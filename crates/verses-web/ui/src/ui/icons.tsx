// Icons as inline SVG: simple strokes on a grid of 24, in the colour of the text around them.

const PATHS = {
  today: "M4 5.5C6.5 4.5 9.5 4.7 12 6.5c2.5-1.8 5.5-2 8-1v13c-2.5-1-5.5-.8-8 1-2.5-1.8-5.5-2-8-1zM12 6.5v13",
  library: "M5 4.5v15M9.5 4.5v15M14 5l5 14.5",
  add: "M12 5v14M5 12h14",
  progress: "M4.5 19.5h15M7 16v-4M12 16V6M17 16v-7",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.75v4.5M9 14.75v4.5",
  sync: "M19.5 11A7.5 7.5 0 0 0 6 7L4.5 8.5M4.5 4.5v4h4M4.5 13A7.5 7.5 0 0 0 18 17l1.5-1.5M19.5 19.5v-4h-4",
  cloud: "M7 18.5a4 4 0 0 1-.4-8A5.5 5.5 0 0 1 17.2 9.6 4.5 4.5 0 0 1 17 18.5z",
  offline: "M4 4l16 16M9 6.2A5.5 5.5 0 0 1 17.2 9.6a4.5 4.5 0 0 1 3 7M17 18.5H7a4 4 0 0 1-.4-8",
  waiting: "M12 7.5V12l3 2M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  back: "M14.5 5.5L8 12l6.5 6.5",
  forward: "M9.5 5.5L16 12l-6.5 6.5",
  down: "M5.5 9.5L12 16l6.5-6.5",
  search: "M11 4.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM16 16l4 4",
  archive: "M4 5h16v4H4zM5.5 9v10.5h13V9M9.5 13h5",
  restore: "M4.5 9.5h9a5 5 0 0 1 0 10H8M8.5 5.5l-4 4 4 4",
  keyboard: "M3 6.5h18v11H3zM6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8",
  streak: "M12 3.5c.5 3.5 5.5 6 5.5 11a5.5 5.5 0 0 1-11 0c0-2.5 1.5-3.5 2-5.5 1.5.7 2 1.7 2 2.7 1.5-1.7 2-4.7 1.5-8.2z",
  calendar: "M4.5 6h15v13.5h-15zM4.5 10h15M8.5 3.5v4M15.5 3.5v4",
  alert: "M12 4l9 15.5H3zM12 10v4.5M12 17h.01",
  install: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  person: "M12 4.5a3.75 3.75 0 1 1 0 7.5 3.75 3.75 0 0 1 0-7.5zM4.5 20c.7-3.7 3.7-5.5 7.5-5.5s6.8 1.8 7.5 5.5",
  trash: "M4.5 6.5h15M9.5 6.5v-2h5v2M6.5 6.5l1 13h9l1-13M10 10.5v5.5M14 10.5v5.5",
  help: "M9 9.5a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5h.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20, class: className }: { name: IconName; size?: number; class?: string }) {
  return (
    <svg
      class={name === "back" || name === "forward" ? `turns ${className ?? ""}` : className}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The sign of the app: an open book with a mark in it. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path
        fill="currentColor"
        d="M15 8.2C11.5 5.7 7.5 5.4 4 6.5v18c3.5-1.1 7.5-.8 11 1.7zM17 8.2c3.5-2.5 7.5-2.8 11-1.7v18c-3.5-1.1-7.5-.8-11 1.7z"
      />
    </svg>
  );
}
