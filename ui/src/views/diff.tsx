// What differs, line by line, in words for those who do not see the colours.

import type { DiffLine } from "../changes";
import { Text } from "./parts";

const SIGN = { same: " ", removed: "−", added: "+" };

export function Diff({ of }: { of: DiffLine[] }) {
  return (
    <ol class="diff" tabIndex={0} aria-label="What changes">
      {of.map((one, at) => (
        <li key={at} data-kind={one.kind}>
          <span class="no" aria-hidden="true">{one.new ?? one.old}</span>
          <span class="sign" aria-hidden="true">{SIGN[one.kind]}</span>
          {one.kind !== "same" && <span class="sr">{one.kind}: </span>}
          <code><Text of={one.text} /></code>
        </li>
      ))}
    </ol>
  );
}
