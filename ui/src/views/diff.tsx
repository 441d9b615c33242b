// What differs, line by line, in words for those who do not see the colours.

import { jumps, type DiffLine } from "../diff";
import { Text } from "./parts";

const SIGN = { same: " ", removed: "−", added: "+" };

export function Diff({ of, label = "What changes" }: { of: DiffLine[]; label?: string }) {
  const left = jumps(of);
  return (
    <ol class="diff" tabIndex={0} aria-label={label}>
      {of.map((one, at) => (
        <>
          {left.has(at) && <li class="gap"><span /><span aria-hidden="true">…</span><span class="sr">lines that stay</span></li>}
          <li key={at} data-kind={one.kind}>
            <span class="no" aria-hidden="true">{one.new ?? one.old}</span>
            <span class="sign" aria-hidden="true">{SIGN[one.kind]}</span>
            {one.kind !== "same" && <span class="sr">{one.kind}: </span>}
            <code><Text of={one.text} /></code>
          </li>
        </>
      ))}
    </ol>
  );
}
