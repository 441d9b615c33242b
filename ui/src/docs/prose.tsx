/** A sentence of the document, in which backticks mark what is to be taken literally. */
export function Prose({ of }: { of: string }) {
  return <>{of.split("`").map((piece, at) => (at % 2 ? <code>{piece}</code> : piece))}</>;
}
