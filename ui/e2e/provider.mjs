// An identity provider that other people wrote (oidc-provider), with people of a test. Its name is `localhost`, the
// dashboard's is `127.0.0.1`: to a browser these are two sites.

import { once } from "node:events";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const SCOPES = "openid profile groups";

/** Who is there, and in which groups. */
const PEOPLE = { rosa: ["ops", "cooks"], nick: ["cooks"], abby: ["admins"] };

async function form(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

export class IdentityProvider {
  /** One with the client `opspilot`, which comes back to `redirect`. */
  static async start(port, redirect) {
    const it = new IdentityProvider();
    it.url = `http://localhost:${port}`;
    const provider = new Provider(it.url, {
      clients: [{
        client_id: "opspilot", client_secret: "a secret of the client", redirect_uris: [redirect], response_types: ["code"],
        grant_types: ["authorization_code"],
      }],
      pkce: { required: () => true },
      scopes: SCOPES.split(" "),
      claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
      conformIdTokenClaims: false,
      cookies: { keys: ["a key of a test"] },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: PEOPLE[id] ?? [] }) }),
      async loadExistingGrant({ oidc }) {
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope(SCOPES);
        await grant.save();
        return grant;
      },
    });
    const answer = provider.callback();
    it.server = createServer((request, response) => {
      if (!request.url.startsWith("/interaction/")) return answer(request, response);
      return it.interact(provider, request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    it.server.listen(port, "127.0.0.1");
    await once(it.server, "listening");
    return it;
  }

  /** Asks who it is, and believes it. */
  async interact(provider, request, response) {
    if (request.method === "POST") {
      const accountId = (await form(request)).get("login");
      return provider.interactionFinished(request, response, { login: { accountId } });
    }
    await provider.interactionDetails(request, response);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    return response.end('<!doctype html><title>Provider</title><form method="post"><label>Login <input name="login" autofocus></label><button>Continue</button></form>');
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
