// The samples around the onset of an incident, with the threshold that they are measured by.

import { plot, type Samples } from "../plot";
import { brief, clock, span } from "../text";

const WIDTH = 600;
const HEIGHT = 120;

/** `until` is when the newest sample was taken. */
export function Chart({ of, until }: { of: Samples; until: string }) {
  const drawn = plot(of, WIDTH, HEIGHT);
  const end = Date.parse(until);
  const time = (before: number): string => clock(end - before, end);
  const says = `${of.points.length} samples of ${span(drawn.span)}, from ${brief(drawn.low)} to ${brief(drawn.high)}; ${drawn.beyond} of them ${of.operator} ${brief(of.threshold)}.`;
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={says}>
        <line class="limit" x1={0} x2={WIDTH} y1={drawn.limit} y2={drawn.limit} />
        <path class="values" d={drawn.path} />
        {drawn.dots.map((dot) => <circle class={dot.beyond ? "beyond" : ""} cx={dot.x} cy={dot.y} r={dot.beyond ? 4 : 2.5} />)}
      </svg>
      <p class="axis" aria-hidden="true"><span>{time(drawn.span)}</span><span>{time(0)}, the onset</span></p>
      <figcaption>
        {says} <span class="key">The dashed line is the threshold.</span>
        <details>
          <summary>As a table</summary>
          <table>
            <thead><tr><th scope="col">Time</th><th scope="col">Value</th><th scope="col">Limit</th></tr></thead>
            <tbody>{of.points.map(([before, value], at) => (
              <tr key={at}><td>{time(before)}</td><td>{brief(value)}</td><td>{drawn.dots[at]?.beyond ? "beyond" : "within"}</td></tr>
            ))}</tbody>
          </table>
        </details>
      </figcaption>
    </figure>
  );
}
