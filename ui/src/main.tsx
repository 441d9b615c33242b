import { render } from "preact";
import { useEffect } from "preact/hooks";

import { onSignedOut, onSignInAgain } from "./api";
import { begin, enter, leave } from "./data";
import { bind, press } from "./keys";
import { show } from "./settings";
import { arrived, go, now, set, useStore } from "./store";
import { Approvals } from "./views/approvals";
import { Audit } from "./views/audit";
import { Now } from "./views/now";
import { OnCall } from "./views/oncall";
import { openPalette } from "./views/palette";
import { Empty, Link } from "./views/parts";
import { Rules } from "./views/rules";
import { SetUp } from "./views/setup";
import { Shell } from "./views/shell";
import { SignIn, SignInAgain } from "./views/signin";
import { Sources } from "./views/sources";

function App() {
  const who = useStore((state) => state.who);
  const path = useStore((state) => state.path);
  const link = useStore((state) => state.link);
  const again = useStore((state) => state.again);
  useEffect(() => bind([
    { keys: "g i", says: "Go to the incidents", run: () => go("/") },
    { keys: "g a", says: "Go to the approvals", run: () => go("/approvals") },
    { keys: "g o", says: "Go to who is on call", run: () => go("/oncall") },
    { keys: "g u", says: "Go to the audit log", run: () => go("/audit") },
    { keys: "g r", says: "Go to the rules", run: () => go("/rules") },
    { keys: "g h", says: "Go to sources and modules", run: () => go("/sources") },
    { keys: "g s", says: "Go to the set-up", run: () => go("/setup") },
    { keys: "Ctrl K", says: "Go to anything by name", run: openPalette },
    { keys: "?", says: "Show this sheet", run: () => set({ help: true }) },
  ]), []);
  if (who === undefined) {
    return <main class="signin"><Empty title={link === "lost" ? "The server cannot be reached; trying again…" : "Opening…"} /></main>;
  }
  if (who === null) return <SignIn enter={enter} />;
  return (
    <>
      <Shell><View path={path} /></Shell>
      {again && <SignInAgain answer={again} />}
    </>
  );
}

function View({ path }: { path: string }) {
  if (path === "/" || path.startsWith("/i/")) return <Now />;
  if (path === "/approvals" || path.startsWith("/approvals/")) return <Approvals />;
  if (path === "/oncall") return <OnCall />;
  if (path === "/audit") return <Audit />;
  if (path === "/rules") return <Rules />;
  if (path === "/sources") return <Sources />;
  if (path === "/setup") return <SetUp />;
  return <Empty title="There is no such page."><p><Link to="/" class="button">To the incidents</Link></p></Empty>;
}

show();
onSignedOut(() => { if (now().who) leave(); });
onSignInAgain(() => new Promise((answer) => set({ again: (isIn) => { set({ again: null }); answer(isIn); } })));
addEventListener("popstate", arrived);
addEventListener("keydown", press);
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
