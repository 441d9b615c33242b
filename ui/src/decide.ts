// Who may decide a proposal, and how surely they must mean it. Pure; the server decides in the end.

import type { Proposal, Who } from "./types";

const RANK: Record<Who["role"], number> = { viewer: 0, operator: 1, admin: 2 };

const folded = (name: string): string => name.normalize("NFC").trim().toLowerCase();

/** Why `who` may not decide; `null` if they may. */
export function obstacle(proposal: Proposal, who: Who, now: number): string | null {
  if (proposal.status !== "pending") return `It is ${proposal.status} already.`;
  if (Date.parse(proposal.expiresAt) <= now) return "The time for a decision is over.";
  if (who.kind !== "human") return "Only a person may decide, and this credential is a program's.";
  if (RANK[who.role] < RANK.operator) return "Your role, viewer, may look but not decide.";
  if (RANK[who.role] < RANK[proposal.policy.role]) return `Deciding this needs the role ${proposal.policy.role}; yours is ${who.role}.`;
  const me = folded(who.subject);
  if (folded(proposal.requestedBy) === me) return "You proposed it. Somebody else must decide.";
  if (proposal.askedBy && folded(proposal.askedBy) === me) return "It was proposed for you. Somebody else must decide.";
  if (proposal.approvals.some((one) => folded(one.by) === me)) return "You approved it already. Another person is needed.";
  return null;
}

/** True if the target's name must be typed: the policy asks for more than one operator. */
export function isGrave(proposal: Proposal): boolean {
  return proposal.policy.approvers > 1 || proposal.policy.role === "admin";
}

/** What must be typed for it. */
export function target(proposal: Proposal): string {
  return proposal.actions[0]?.plan.target ?? proposal.actionType;
}

/** What an approval of this is bound to: the digest of each action. */
export function digests(proposal: Proposal): string[] {
  return proposal.actions.map((one) => one.digest);
}

/** True if `after` would do something else than `before`. */
export function isOther(before: Proposal, after: Proposal): boolean {
  return digests(before).join() !== digests(after).join();
}

/** What is left, as it is read on the button. */
export function left(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const two = (n: number): string => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** The moments at which the countdown is said aloud, in seconds. */
const SPOKEN = [300, 60, 10, 0];

/** What is said when the time left goes from `before` to `after`. */
export function spoken(before: number, after: number): string {
  const passed = SPOKEN.filter((at) => before > at * 1000 && after <= at * 1000).pop();
  if (passed === undefined) return "";
  if (passed === 0) return "The time for a decision is over.";
  return passed >= 60 ? `${passed / 60} minute${passed === 60 ? "" : "s"} left to decide.` : `${passed} seconds left to decide.`;
}
