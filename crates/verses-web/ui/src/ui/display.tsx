// What only shows: cards, rows, badges, progress, and the states a page can be in. Styles in styles/components.css.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { CallError } from "../engine/client";
import type { Query } from "../query";
import { arrived } from "../router";
import { Button } from "./controls";
import { Icon, type IconName } from "./icons";

/** The h1 of a page and what stands beside it. Takes the focus after a navigation, and gives the document its title. */
export function PageHead({ title, children, back }: { title: string; children?: ComponentChildren; back?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (heading.current) arrived(heading.current, title);
  }, [title]);
  return (
    <div class="page-head">
      {back && <div class="back">{back}</div>}
      <h1 tabIndex={-1} ref={heading}>{title}</h1>
      {children}
    </div>
  );
}

export function Card({ children, class: extra = "" }: { children: ComponentChildren; class?: string }) {
  return <section class={`card ${extra}`}>{children}</section>;
}

export type Tone = "plain" | "accent" | "good" | "warn" | "bad";

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      {icon && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}

/** A row of a list: a link, a button, or neither. */
export function Row(props: {
  title: ComponentChildren;
  note?: ComponentChildren;
  end?: ComponentChildren;
  href?: string;
  onClick?: () => void;
}) {
  const { title, note, end, href, onClick } = props;
  const inner = (
    <>
      <span class="body">
        <span class="title">{title}</span>
        {note && <span class="note"><br />{note}</span>}
      </span>
      {end}
    </>
  );
  if (href) return <a class="row" href={href}>{inner}</a>;
  if (onClick) return <button type="button" class="row" onClick={onClick}>{inner}</button>;
  return <div class="row">{inner}</div>;
}

export function ProgressBar({ label, value, of, text }: { label: string; value: number; of: number; text?: string }) {
  const percent = of > 0 ? Math.min(100, (value / of) * 100) : 0;
  return (
    <span
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={of}
      aria-valuenow={value}
      aria-valuetext={text ?? `${value} of ${of}`}
    >
      <span style={{ inlineSize: `${percent}%` }} />
    </span>
  );
}

export function EmptyState(props: { icon: IconName; title: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  const { icon, title, children, actions } = props;
  return (
    <div class="state">
      <Icon name={icon} size={40} />
      <h2 tabIndex={-1}>{title}</h2>
      {children && <div class="soft">{children}</div>}
      {actions && <div class="line">{actions}</div>}
    </div>
  );
}

/** Says what went wrong and what can be done. */
export function ErrorState({ title, error, onRetry }: { title: string; error: Pick<CallError, "message">; onRetry: () => void }) {
  return (
    <div class="state bad" role="alert">
      <Icon name="alert" size={40} />
      <h2>{title}</h2>
      <p class="soft">{error.message}</p>
      <p class="soft">What you have saved is safe on this device.</p>
      <div class="line">
        <Button tone="primary" icon="sync" onClick={onRetry}>Try again</Button>
      </div>
    </div>
  );
}

/** A grey place for what is still to come; sizes are CSS lengths. */
export function Skeleton({ width = "100%", height }: { width?: string; height: string }) {
  return <span class="skeleton" style={{ inlineSize: width, blockSize: height }} aria-hidden="true" />;
}

/** What a query has: its data, its error, or what holds the place meanwhile. */
export function Loaded<T>(props: {
  query: Query<T>;
  title: string;
  skeleton: ComponentChildren;
  children: (data: T) => ComponentChildren;
}) {
  const { query, title, skeleton, children } = props;
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <ErrorState title={title} error={query.error} onRetry={query.reload} />;
  return (
    <div aria-busy="true">
      <p class="unseen" role="status">Loading</p>
      {skeleton}
    </div>
  );
}

/** Stays where it is put; for what comes and goes over the page see shell/Banners. */
export function Banner(props: { tone?: "plain" | "warn" | "bad"; icon: IconName; children: ComponentChildren; actions?: ComponentChildren }) {
  const { tone = "plain", icon, children, actions } = props;
  return (
    <div class={`banner inline ${tone}`}>
      <Icon name={icon} />
      <div class="words">{children}</div>
      {actions}
    </div>
  );
}
