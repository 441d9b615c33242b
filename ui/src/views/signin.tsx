import { useEffect, useRef, useState } from "preact/hooks";

import { BASE, signIn, ways } from "../api";
import { enter, leave } from "../data";
import { now, set } from "../store";
import type { Credential, Ways, Who } from "../types";
import { Empty, Text } from "./parts";

/** What to offer where the server does not say. */
const KEY_ALONE: Ways = { isRequired: true, apiKey: true, password: false };

/** What to do once somebody is in. */
interface Enter { enter(who: Who): void }

/** What a sign-in at an identity provider came to, by the word that the server sends back. */
const OUTCOMES: Record<string, string> = {
  unavailable: "The identity provider cannot be reached. Try again in a moment, or sign in otherwise.",
  denied: "The identity provider did not let you in.",
  failed: "That sign-in did not come to an end. Begin it again, in one window.",
  "no-role": "You are known, but none of your groups may do anything here. Ask an administrator.",
  limited: "Too many sign-ins failed from here. Wait a minute.",
  "not-asked": "The identity provider let you through without asking who you are, which proves nothing to whoever administers. Sign out there and try again, or sign in otherwise.",
  "no-auth-time": "The identity provider does not tell when it asked who you are (auth_time), so a sign-in there is not enough to administer. Sign in otherwise.",
};

/** Takes the word out of the address, so that it is told once. */
function outcome(): string {
  const word = new URLSearchParams(location.search).get("signin");
  if (word === null) return "";
  history.replaceState(null, "", "/");
  return OUTCOMES[word] ?? "";
}

/** The way in. */
export function SignIn({ enter }: Enter) {
  const [told] = useState(outcome);
  return (
    <main class="signin">
      <div class="ways">
        <h1>OpsPilot</h1>
        {told && <p class="trouble" role="alert">{told}</p>}
        <WaysIn enter={enter} fresh={false} />
      </div>
    </main>
  );
}

/** Asks whoever is in already to show again who they are. */
export function SignInAgain({ answer }: { answer(isIn: boolean): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const came = (who: Who): void => {
    if (who.subject === now().who?.subject) set({ who });
    else { leave(); enter(who); }
    answer(true);
  };
  return (
    <dialog ref={dialog} class="ask-first" aria-labelledby="again" onClose={() => answer(false)}>
      <h2 id="again">Sign in again</h2>
      <p class="lead">This changes who may do what, or what the server does by itself, and you signed in a while ago.</p>
      <div class="ways"><WaysIn enter={came} fresh /></div>
      <div class="deeds"><button type="button" class="button" onClick={() => dialog.current?.close()}>Cancel</button></div>
    </dialog>
  );
}

/** The forms. What is typed is sent once and never kept here. `fresh`: whoever comes back from a provider was asked there. */
function WaysIn({ enter, fresh }: Enter & { fresh: boolean }) {
  const [offered, offer] = useState<Ways>();
  const [byKey, choose] = useState(false);
  useEffect(() => {
    ways().then(offer, () => offer(KEY_ALONE));
  }, []);
  if (!offered) return <Empty title="Opening…" />;
  const withKey = byKey || !offered.password;
  return (
    <>
      {offered.oidc && <ByProvider {...offered.oidc} fresh={fresh} />}
      {withKey ? <ByKey key="key" enter={enter} /> : <ByPassword key="password" enter={enter} />}
      {offered.password && (
        <button type="button" class="button plain" onClick={() => choose(!byKey)}>
          {withKey ? "Use a password" : "Use an API key"}
        </button>
      )}
    </>
  );
}

/** A plain link: the browser leaves this page, comes back, and is in. */
function ByProvider({ name, isAvailable, fresh }: NonNullable<Ways["oidc"]> & { fresh: boolean }) {
  return (
    <>
      <a class="button primary" href={`${BASE}/session/oidc${fresh ? "?fresh=true" : ""}`}><span>Sign in with <Text of={name} /></span></a>
      {!isAvailable && <p class="hint">It did not answer a moment ago.</p>}
      <p class="or">or</p>
    </>
  );
}

function ByKey({ enter }: Enter) {
  const [form, trouble, busy] = useForm(enter, (field) => ({ apiKey: field("key").trim() }));
  return (
    <form onSubmit={form}>
      <p>Sign in with an API key of your own. It opens a session of this browser, for eight hours at most.</p>
      <label for="key">API key</label>
      <input id="key" name="key" type="password" autocomplete="off" spellcheck={false} required autofocus {...marks(trouble)} />
      <Send trouble={trouble} busy={busy} />
      <p class="hint">An administrator makes keys with <code>opspilot-server key create</code>.</p>
    </form>
  );
}

function ByPassword({ enter }: Enter) {
  const [form, trouble, busy] = useForm(enter, (field) => ({ username: field("username").trim(), password: field("password") }));
  return (
    <form onSubmit={form}>
      <p>Signing in opens a session of this browser, for eight hours at most.</p>
      <label for="username">Name</label>
      <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength={64} required autofocus {...marks(trouble)} />
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required {...marks(trouble)} />
      <Send trouble={trouble} busy={busy} />
      <p class="hint">An administrator sets passwords with <code>opspilot-server user password</code>.</p>
    </form>
  );
}

const marks = (trouble: string) => (trouble ? { "aria-describedby": "trouble", "aria-invalid": true } : {});

function Send({ trouble, busy }: { trouble: string; busy: boolean }) {
  return (
    <>
      {trouble && <p id="trouble" class="trouble" role="alert">{trouble}</p>}
      <button type="submit" class="button primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
    </>
  );
}

/** A form that signs in with what `read` makes of its fields: what to do on submit, what went wrong, whether it works. */
function useForm(enter: Enter["enter"], read: (field: (name: string) => string) => Credential): [(event: SubmitEvent) => void, string, boolean] {
  const [trouble, set] = useState("");
  const [busy, work] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const { elements } = event.currentTarget as HTMLFormElement;
    const input = (name: string) => elements.namedItem(name) as HTMLInputElement;
    work(true);
    set("");
    try {
      enter(await signIn(read((name) => input(name).value)));
    } catch (error) {
      set(error instanceof Error ? error.message : "that did not work");
      work(false);
      const secret = [...elements].find((one) => one instanceof HTMLInputElement && one.type === "password");
      (secret as HTMLInputElement | undefined)?.select();
    }
  };
  return [(event) => void submit(event), trouble, busy];
}
