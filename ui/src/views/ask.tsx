// A question before something is done, and what came of it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { Do } from "./parts";

/** Asks; the focus is on the way out. `run` gives what came of it, which is shown. */
export function Ask({ title, children, doing, run, close }: {
  title: string; children: ComponentChildren; doing: string; run(): Promise<ComponentChildren>; close(): void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [outcome, setOutcome] = useState<ComponentChildren>(null);
  const [trouble, setTrouble] = useState<ComponentChildren>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const act = async (): Promise<void> => {
    setTrouble(null);
    try {
      setOutcome(await run());
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "that did not work");
    }
  };
  return (
    <dialog ref={dialog} class="ask-first" aria-labelledby={id} onClose={close}>
      <h2 id={id}>{title}</h2>
      {outcome ? <div role="status" class="came">{outcome}</div> : children}
      {trouble && <p class="trouble" role="alert">{trouble}</p>}
      <div class="deeds">
        <button type="button" class="button" autofocus onClick={() => dialog.current?.close()}>{outcome ? "Close" : "Cancel"}</button>
        {!outcome && <Do kind="primary" run={act}>{doing}</Do>}
      </div>
    </dialog>
  );
}
