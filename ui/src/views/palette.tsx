// Ctrl-K: goes to any view or incident by a few letters.

import type { TargetedKeyboardEvent } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { find, type Command, type Found } from "../palette";
import { change } from "../settings";
import { go, now, set, useStore } from "../store";
import { Mark, State, Text } from "./parts";

const COMMANDS: Command[] = [
  { name: "Now", hint: "incidents", run: () => go("/") },
  { name: "Mine", hint: "incidents of mine", run: () => go("/?owner=me") },
  { name: "Approvals", hint: "what waits for a decision", run: () => go("/approvals") },
  { name: "On call", hint: "who is told", run: () => go("/oncall") },
  { name: "Rules", hint: "what is looked for, and trying one", run: () => go("/rules") },
  { name: "Sources", hint: "modules, health, topology, restart, reload", run: () => go("/sources") },
  { name: "Audit", hint: "who did what", run: () => go("/audit") },
  { name: "Keyboard", hint: "all shortcuts", run: () => set({ help: true }) },
  { name: "Dark colours", hint: "settings", run: () => change({ theme: "dark" }) },
  { name: "Light colours", hint: "settings", run: () => change({ theme: "light" }) },
];

const runsOf = ({ commands, incidents }: Found): (() => void)[] =>
  [...commands.map((one) => one.run), ...incidents.map((one) => () => go(`/i/${encodeURIComponent(one.id)}`))];

let dialog: HTMLDialogElement | null = null;

/** Opens it at once: what is typed next is for its field, and no shortcut. */
export function openPalette(): void {
  if (!dialog?.open) dialog?.showModal();
  set({ palette: true });
}

export function Palette() {
  const close = (): void => dialog?.close();
  return (
    <dialog ref={(element) => { dialog = element; }} class="palette" aria-label="Go to"
      onClose={() => { if (!dialog?.open) set({ palette: false }); }}
      onClick={(event) => { if (event.target === dialog) close(); }}>
      <Choices close={close} />
    </dialog>
  );
}

const NOTHING: Found = { commands: [], incidents: [] };

function Choices({ close }: { close(): void }) {
  const open = useStore((state) => state.palette);
  const incidents = useStore((state) => (state.palette ? state.incidents : null));
  const [text, setText] = useState("");
  const [at, move] = useState(0);
  useEffect(() => { if (!open) { setText(""); move(0); } }, [open]);
  const box = useRef<HTMLUListElement>(null);
  const found = useMemo(() => (incidents ? find(text, COMMANDS, incidents.values()) : NOTHING), [text, incidents]);
  const runs = runsOf(found);
  const here = Math.min(at, runs.length - 1);
  useEffect(() => box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }), [here]);
  const act = (index: number): void => {
    close();
    runs[index]?.();
  };
  const press = (event: TargetedKeyboardEvent<HTMLInputElement>): void => {
    const typed = event.currentTarget.value;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) move((here + by + runs.length) % Math.max(1, runs.length));
    else if (event.key === "Enter" && typed === text && open) act(here);
    else if (event.key === "Enter") {
      // Who types fast is ahead of what is drawn.
      close();
      runsOf(find(typed, COMMANDS, now().incidents.values()))[0]?.();
    }
    else return;
    event.preventDefault();
  };
  const option = (index: number) => ({
    id: `palette-${index}`, role: "option" as const, "aria-selected": index === here,
    onPointerMove: () => move(index), onClick: () => act(index),
  });
  return (
    <>
      <input type="text" role="combobox" aria-label="Go to a view or an incident" aria-expanded={runs.length > 0} aria-controls="palette-list" aria-autocomplete="list"
        aria-activedescendant={runs.length ? `palette-${here}` : undefined} placeholder="Go to a view or an incident" autofocus autocomplete="off" spellcheck={false}
        value={text} onInput={(event) => { setText(event.currentTarget.value); move(0); }} onKeyDown={press} />
      <ul ref={box} id="palette-list" role="listbox" aria-label="Views and incidents">
        {found.commands.map((one, index) => <li key={one.name} {...option(index)}><span class="what"><b>{one.name}</b> <span class="cause">{one.hint}</span></span></li>)}
        {found.incidents.map((one, index) => (
          <li key={one.id} {...option(found.commands.length + index)}>
            <Mark of={one.severity} short />
            <span class="what"><b><Text of={one.title} /></b> <span class="cause"><Text of={one.description} /></span></span>
            <State of={one.status} />
          </li>
        ))}
      </ul>
      {open && !runs.length && <p class="none" role="status">Nothing is called that.</p>}
    </>
  );
}
