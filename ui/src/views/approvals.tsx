import { useStore, go } from "../store";
import type { Proposal } from "../types";
import { isWaiting } from "./changes";
import { Countdown, Decision } from "./dialog";
import { Ago, Empty, Link, Section, State, Text } from "./parts";

/** Everything that was proposed: what waits first, then what came of the rest. */
export function Approvals() {
  const path = useStore((state) => state.path);
  const proposals = useStore((state) => state.proposals);
  const loaded = useStore((state) => state.loaded);
  const known = useStore((state) => state.changes);
  const changes = known.filter(isWaiting);
  const all = [...proposals.values()];
  const waiting = all.filter((one) => one.status === "pending").sort((a, b) => (a.expiresAt < b.expiresAt ? -1 : 1));
  const others = all.filter((one) => one.status !== "pending").sort((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1));
  const id = path.startsWith("/approvals/") ? decodeURIComponent(path.slice("/approvals/".length)) : null;
  return (
    <div class="page" tabIndex={0}>
      <h1>Approvals</h1>
      <Section title="Waiting for a decision" aside={<span class="count-note">{waiting.length}</span>}>
        {waiting.length ? <ul class="cards">{waiting.map((one) => <Card key={one.id} of={one} />)}</ul> : <Empty title={loaded ? "Nothing waits for a decision." : "Reading…"} />}
      </Section>
      {changes.length > 0 && (
        <Section title="Changes of rules" aside={<span class="count-note">{changes.length}</span>}>
          <ul class="cards">{changes.map((one) => (
            <li key={one.id} class="card" data-status="pending">
              <Link to="/rules" class="card-title"><Text of={one.ask.ruleId} /></Link>
              <State of={one.status} />
              <span class="card-target"><Text of={one.reason} /></span>
              <span class="card-by">by <Text of={one.author} />, <Ago at={one.createdAt} /> ago</span>
            </li>
          ))}</ul>
        </Section>
      )}
      {others.length > 0 && <Section title="Decided and done"><ul class="cards">{others.map((one) => <Card key={one.id} of={one} />)}</ul></Section>}
      {id && <Decision key={id} id={id} close={() => go("/approvals")} />}
    </div>
  );
}

export function Card({ of }: { of: Proposal }) {
  const effect = of.actions[0]?.plan.effect;
  return (
    <li class="card" data-status={of.status}>
      <Link to={`/approvals/${encodeURIComponent(of.id)}`} class="card-title"><Text of={of.description || of.actionType} /></Link>
      <State of={of.status} />
      <span class="card-target"><Text of={of.actions[0]?.plan.target ?? ""} /></span>
      {effect?.kind === "command" && <code class="card-argv"><Text of={effect.argv.join(" ")} /></code>}
      <span class="card-by">by <Text of={of.requestedBy} />, <Ago at={of.requestedAt} /> ago</span>
      <span class="card-when">{of.status === "pending" ? <><Countdown until={of.expiresAt} /> left</> : of.ended ? <>{of.status} by <Text of={of.ended.by} /></> : of.approvals.length ? <>approved by <Text of={of.approvals.map((one) => one.by).join(", ")} /></> : null}</span>
    </li>
  );
}
