import { Prose } from "../docs/prose";
import type { Readiness } from "../setup";

/** How far the server is set up, and what is missing. */
export function ReadinessView({ of, title }: { of: Readiness; title: string }) {
  const missing = of.items.filter((item) => !item.done);
  return (
    <div class="readiness" data-ready={of.ready || undefined}>
      <p><b class="percent">{of.percent} %</b> {of.ready ? "Ready to work." : "Not ready."} <span class="hint">{title}</span></p>
      <progress max={100} value={of.percent} aria-label={`How far the server is set up: ${title}`} />
      {missing.length > 0 && (
        <ul>
          {missing.map((item) => <li key={item.id} data-impact={item.impact}><span class="state">{item.impact}</span> {item.label}{item.wayOut && <span class="hint">: <Prose of={item.wayOut} /></span>}</li>)}
        </ul>
      )}
    </div>
  );
}
