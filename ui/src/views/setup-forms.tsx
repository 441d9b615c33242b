// What is filled in: sources and channels, each with its trial.

import { useEffect, useState } from "preact/hooks";

import { channelOptions, CHANNELS, said, SOURCES, sourceOptions, take, taken, type Channel, type Field, type Filled, type SourceKind, type Tried, type Wish } from "../setup";
import { tryOut } from "../setup-api";
import { Do, Text } from "./parts";

interface Sources {
  kinds: SourceKind[];
  sources: Record<string, Filled>;
  choose(sources: Record<string, Filled>): void;
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
  const filled = sources[of.id];
  const put = (next: Filled | null): void => {
    const { [of.id]: _, ...rest } = sources;
    choose(next ? { ...rest, [of.id]: next } : rest);
  };
  return (
    <li class="module" data-id={of.id}>
      <label class="check"><input type="checkbox" checked={filled !== undefined} onChange={(event) => put(event.currentTarget.checked ? {} : null)} /> <b>{of.id}</b>{of.running && <span class="state running">running</span>}</label>
      <p class="hint">{of.description}</p>
      {of.offers.length > 0 && (
        <ul class="offers" aria-label={`Found for ${of.id}`}>
          {of.offers.map((offer) => (
            <li key={offer.name}>
              <button type="button" class="button small" disabled={taken(fields, filled, offer)} onClick={() => put(take(fields, filled ?? {}, offer))}>Use<span class="sr"> {offer.name}</span></button>
              <span><Text of={offer.name} />{offer.note && <span class="hint"> {offer.note}</span>}</span>
            </li>
          ))}
        </ul>
      )}
      {filled && (
        <>
          <Fields of={fields} filled={filled} put={put} prefix={of.id} />
          <Trial wish={{ sources: { [of.id]: sourceOptions(of.id, filled) }, channels: [] }} name={of.id} />
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
            <Fields of={CHANNELS[one.type]?.fields ?? []} filled={one.filled} put={(filled) => put(at, { ...one, filled })} prefix={`channel-${at}`} />
            <Trial wish={{ sources: {}, channels: [channelOptions(one)] }} name={one.id} only={`${one.id} (`} />
          </li>
        ))}
      </ul>
      <div class="deeds">{Object.entries(CHANNELS).map(([type, { says }]) => <button type="button" class="button" title={says} onClick={() => add(type)}>Add {type}</button>)}</div>
    </>
  );
}

function Fields({ of, filled, put, prefix }: { of: Field[]; filled: Filled; put(filled: Filled): void; prefix: string }) {
  return (
    <>
      {of.map((field) => {
        const id = `${prefix}-${field.key}`;
        const given = filled[field.key] ?? field.usual ?? "";
        const common = { id, spellcheck: false, autocomplete: "off", "aria-describedby": field.hint ? `${id}-hint` : undefined } as const;
        const write = (text: string): void => put({ ...filled, [field.key]: text });
        return (
          <div key={field.key} class="setup-field">
            <label for={id}>{field.label}</label>
            {field.kind === "lines" || field.kind === "urls"
              ? <textarea {...common} class="code" rows={3} value={given} onInput={(event) => write(event.currentTarget.value)} />
              : <input {...common} inputMode={field.kind === "number" ? "numeric" : "text"} value={given} onInput={(event) => write(event.currentTarget.value)} />}
            {field.hint && <p class="hint" id={`${id}-hint`}>{field.hint}</p>}
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
  useEffect(() => { set(null); setTrouble(""); }, [key]);
  const run = async (): Promise<void> => {
    set(null);
    setTrouble("");
    try {
      set(await tryOut(wish));
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
