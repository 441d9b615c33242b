// What is filled in: sources and channels, each with its trial.

import { useEffect, useRef, useState } from "preact/hooks";

import { channelOptions, CHANNELS, given, ifStill, locked, said, SOURCES, sourceOptions, take, taken, type Channel, type Chosen, type Field, type Filled, type SourceKind, type Tried, type Wish } from "../setup";
import { readKept, tryOut } from "../setup-api";
import { Do, Text } from "./parts";

type Choices = Record<string, Chosen>;

interface Sources {
  kinds: SourceKind[];
  sources: Choices;
  choose(change: (old: Choices) => Choices): void;
}

export function SourceForms({ kinds, sources, choose }: Sources) {
  const simple = kinds.filter((one) => SOURCES[one.id]);
  // What this machine has comes first.
  const sorted = [...simple].sort((a, b) => Number(b.offers.length > 0) - Number(a.offers.length > 0));
  const others = kinds.filter((one) => !SOURCES[one.id]);
  return (
    <>
      <ul class="setup-cards">{sorted.map((one) => <SourceForm key={one.id} of={one} sources={sources} choose={choose} />)}</ul>
      {others.length > 0 && <p class="hint">These need more than a few keys; write them into the file: {others.map((one) => one.id).join(", ")}.</p>}
    </>
  );
}

function SourceForm({ of, sources, choose }: Omit<Sources, "kinds"> & { of: SourceKind }) {
  const fields = SOURCES[of.id] ?? [];
  const chosen = sources[of.id];
  const [trouble, setTrouble] = useState("");
  const put = (next: Chosen | null): void => choose(({ [of.id]: _, ...rest }) => (next ? { ...rest, [of.id]: next } : rest));
  // What the file says of it stays, unless somebody changes it.
  const begin = async (change: (chosen: Chosen) => Chosen): Promise<void> => {
    setTrouble("");
    try {
      put(change(chosen ?? { filled: {}, kept: await readKept(of.id) }));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "that did not work");
    }
  };
  return (
    <li class="module" data-id={of.id}>
      <label class="check"><input type="checkbox" checked={chosen !== undefined} onChange={(event) => (event.currentTarget.checked ? void begin((fresh) => fresh) : put(null))} /> <b>{of.id}</b>{of.running && <span class="state running">running</span>}</label>
      <p class="hint">{of.description}</p>
      {of.offers.length > 0 && (
        <ul class="offers" aria-label={`Found for ${of.id}`}>
          {of.offers.map((offer) => (
            <li key={offer.name}>
              <button type="button" class="button small" disabled={taken(fields, chosen, offer)} onClick={() => void begin((fresh) => take(fields, fresh, offer))}>Use<span class="sr"> {offer.name}</span></button>
              <span><Text of={offer.name} />{offer.note && <span class="hint"> {offer.note}</span>}</span>
            </li>
          ))}
        </ul>
      )}
      {trouble && <p class="trouble" role="alert"><Text of={trouble} /></p>}
      {chosen && (
        <>
          {chosen.kept && <p class="hint">As the file has it; what you leave as it is stays.</p>}
          <Fields of={fields} chosen={chosen} put={(filled) => put({ ...chosen, filled })} prefix={of.id} />
          <Trial wish={{ sources: { [of.id]: sourceOptions(of.id, chosen) }, channels: [] }} name={of.id} />
        </>
      )}
    </li>
  );
}

export function ChannelForms({ channels, tell, add }: { channels: Channel[]; tell(channels: Channel[]): void; add(type: string): void }) {
  const put = (at: number, next: Channel | null): void => tell(channels.flatMap((one, index) => (index !== at ? [one] : next ? [next] : [])));
  return (
    <>
      <ul class="setup-cards">
        {channels.map((one, at) => (
          <li key={at} class="module" data-channel={one.type}>
            <div class="module-head"><b>{one.type}</b><button type="button" class="button small plain" onClick={() => put(at, null)}>Leave out<span class="sr"> {one.id}</span></button></div>
            <p class="hint">{CHANNELS[one.type]?.says}, for each new incident</p>
            <div class="setup-field">
              <label for={`channel-${at}-id`}>Name</label>
              <input id={`channel-${at}-id`} value={one.id} spellcheck={false} autocomplete="off" onInput={(event) => put(at, { ...one, id: event.currentTarget.value })} />
            </div>
            <Fields of={CHANNELS[one.type]?.fields ?? []} chosen={{ filled: one.filled, kept: null }} put={(filled) => put(at, { ...one, filled })} prefix={`channel-${at}`} />
            <Trial wish={{ sources: {}, channels: [channelOptions(one)] }} name={one.id} only={`${one.id} (`} />
          </li>
        ))}
      </ul>
      <div class="deeds">{Object.entries(CHANNELS).map(([type, { says }]) => <button type="button" class="button" title={says} onClick={() => add(type)}>Add {type}</button>)}</div>
    </>
  );
}

function Fields({ of, chosen, put, prefix }: { of: Field[]; chosen: Chosen; put(filled: Filled): void; prefix: string }) {
  return (
    <>
      {of.map((field) => {
        const id = `${prefix}-${field.key}`;
        const text = given(field, chosen);
        const why = locked(field, chosen);
        const hint = why || field.hint;
        const common = { id, spellcheck: false, autocomplete: "off", disabled: Boolean(why), "aria-describedby": hint ? `${id}-hint` : undefined } as const;
        const write = (next: string): void => put({ ...chosen.filled, [field.key]: next });
        return (
          <div key={field.key} class="setup-field">
            <label for={id}>{field.label}</label>
            {field.kind === "lines" || field.kind === "urls"
              ? <textarea {...common} class="code" rows={3} value={text} onInput={(event) => write(event.currentTarget.value)} />
              : <input {...common} inputMode={field.kind === "number" ? "numeric" : "text"} value={text} onInput={(event) => write(event.currentTarget.value)} />}
            {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
          </div>
        );
      })}
    </>
  );
}

/** A live trial, for as long as what was tried stays as it was. */
function Trial({ wish, name, only }: { wish: Wish; name: string; only?: string }) {
  const [tried, set] = useState<Tried | null>(null);
  const [trouble, setTrouble] = useState("");
  const key = JSON.stringify(wish);
  const now = useRef(key);
  now.current = key;
  useEffect(() => { set(null); setTrouble(""); }, [key]);
  const run = async (): Promise<void> => {
    set(null);
    setTrouble("");
    try {
      const found = await ifStill(() => now.current, () => tryOut(wish));
      if (found) set(found);
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "that did not work");
    }
  };
  const mine = tried?.trials.filter((one) => !only || one.name.startsWith(only)) ?? [];
  return (
    <div class="trial">
      <Do kind="small" run={run}>Test<span class="sr"> {name}</span></Do>
      <div role="status">
        {trouble && <p class="trouble"><Text of={trouble} /></p>}
        {tried?.faults.map((fault) => <p class="trouble"><Text of={said(fault)} /></p>)}
        {mine.map((one) => (
          <p key={one.name} class={one.ok ? "works" : "trouble"}>
            <b>{one.ok ? "Works" : "Does not work"}</b> <Text of={one.name} />{one.fault && <>: <Text of={one.fault} /></>}{one.note && <span class="hint"> <Text of={one.note} /></span>}
          </p>
        ))}
        {tried && !tried.faults.length && !mine.length && <p class="hint">There is nothing to try.</p>}
      </div>
    </div>
  );
}
