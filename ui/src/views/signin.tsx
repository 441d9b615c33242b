import { useState } from "preact/hooks";

import { signIn } from "../api";
import type { Who } from "../types";

/** The way in: an API key, which is sent once and never kept here. */
export function SignIn({ enter }: { enter(who: Who): void }) {
  const [trouble, set] = useState("");
  const [busy, work] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("key") as HTMLInputElement;
    work(true);
    set("");
    try {
      enter(await signIn(field.value.trim()));
    } catch (error) {
      set(error instanceof Error ? error.message : "that did not work");
      work(false);
      field.select();
    }
  };
  return (
    <main class="signin">
      <form onSubmit={(event) => void submit(event)}>
        <h1>OpsPilot</h1>
        <p>Sign in with an API key of your own. It opens a session of this browser, for eight hours at most.</p>
        <label for="key">API key</label>
        <input id="key" name="key" type="password" autocomplete="current-password" spellcheck={false} required autofocus
          aria-describedby={trouble ? "trouble" : undefined} aria-invalid={trouble ? true : undefined} />
        {trouble && <p id="trouble" class="trouble" role="alert">{trouble}</p>}
        <button type="submit" class="button primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
        <p class="hint">An administrator makes keys with <code>opspilot-server key create</code>.</p>
      </form>
    </main>
  );
}
