// Made from docs/reference/openapi.json by `cargo xtask ui`: do not change it here.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Something to do, with everything that its approval is bound to. */
        Action: {
            /** @description The type of action: its name in the catalogue. */
            actionType: string;
            /** @description The values of its parameters. */
            arguments: {
                [key: string]: unknown;
            };
            /** @description Who does it: `command`, `systemd`, `kubernetes`, `http`, `manual` … */
            executor: string;
            /** @description How the world was when it was proposed, in the executor's words; it must be so when it is done. */
            precondition?: string;
            /** @description The digest of the catalogue entry that says what is done: another entry is another action. */
            recipe: components["schemas"]["Digest"];
            /** @description What it is done to, for example `unit nginx.service`. */
            target: string;
        };
        /** @description A type of action as it is served. */
        ActionType: {
            description: string;
            executor: string;
            name: string;
            policy: components["schemas"]["Policy"];
        };
        /** @description The types of action. */
        ActionTypeList: {
            actions: components["schemas"]["ActionType"][];
            /** Format: uint */
            count: number;
        };
        /** @description What an approval is called, and how long it is valid. */
        ApprovalToken: {
            expiresAt: components["schemas"]["Timestamp"];
            id: string;
        };
        AuditKey: {
            publicKey: string;
        };
        AuditList: {
            /** Format: uint */
            count: number;
            entries: components["schemas"]["Entry"][];
            nextCursor?: string;
        };
        /** @description Something that goes on after the answer. */
        Begun: {
            message: string;
        };
        BulkOutcome: {
            /**
             * Format: uint
             * @description How many were changed, and how many were not.
             */
            changed: number;
            /** Format: uint */
            failed: number;
            outcomes: components["schemas"]["IncidentOutcome"][];
        };
        /** @description The kinds of module, in the order of the flow of facts. */
        Category: "connector" | "detector" | "enricher" | "action" | "notifier" | "openclaw" | "ui" | "telemetry";
        /** @description What a change asks for. */
        ChangeAsk: {
            /** @description The detector that the rule belongs to. */
            detector: string;
            /** @description What becomes of the rule. */
            kind: components["schemas"]["ChangeKind"];
            /** @description The new text of the rule; `null` where it goes. */
            rule: string | null;
            /** @description The rule's id, for a new rule the new one. */
            ruleId: string;
        };
        /** @description What somebody decided. */
        ChangeDecision: {
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /** @description Who. */
            by: string;
            /** @description Why, in their words. */
            reason: string | null;
        };
        /** @description How a rule was tried. */
        ChangeEvidence: {
            /**
             * Format: uint
             * @description How many stored incidents were looked at, and how many of them have a line.
             */
            incidents: number;
            /**
             * Format: uint
             * @description How many of those have a line as evidence.
             */
            lines: number;
            /**
             * Format: uint
             * @description How many of those lines it matches.
             */
            matched: number;
            /**
             * Format: uint
             * @description How many tests it has; all of them pass, or it could not be proposed.
             */
            tests: number;
        };
        /** @description What becomes of a rule. */
        ChangeKind: "edit" | "add" | "remove";
        /** @description Where a change stands. */
        ChangeStatus: "proposed" | "applying" | "applied" | "refused" | "withdrawn" | "outdated" | "failed";
        /** @description A change of one rule. */
        ConfigChange: {
            /** @description What it asks for. */
            ask: components["schemas"]["ChangeAsk"];
            /** @description Who proposed it. */
            author: string;
            /** @description The digest of the file that it was made for. */
            base: components["schemas"]["Digest"];
            /** @description When. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description The approval, the refusal or the withdrawal. */
            decision: components["schemas"]["ChangeDecision"] | null;
            /** @description What differs, line by line. */
            diff: components["schemas"]["DiffLine"][];
            /** @description How the new rule was tried when it was proposed; `null` where a rule goes. */
            evidence: components["schemas"]["ChangeEvidence"] | null;
            /** @description Its id. */
            id: string;
            /** @description What came of the approval, or why nothing did. */
            outcome: string | null;
            /** @description Why. */
            reason: string;
            /** @description The digest of the file that it makes: what an approval is bound to. */
            result: components["schemas"]["Digest"];
            /** @description Where it stands. */
            status: components["schemas"]["ChangeStatus"];
        };
        /** @description A connector. */
        ConnectorSource: {
            /** @description Its category. */
            category: components["schemas"]["Category"];
            /**
             * @description Figures of the module.
             * @default {}
             */
            details: {
                [key: string]: unknown;
            };
            /** @description The module's id. */
            id: string;
            /** @description How far it is behind, where it can tell. */
            lag: components["schemas"]["Reading"][];
            /** @description When any of this last changed. */
            lastCheck: components["schemas"]["Timestamp"];
            /** @description What it could not pass on whole, by kind. */
            losses: components["schemas"]["Reading"][];
            /** @description What the troubles are, where there are any. */
            message?: string;
            /**
             * Format: uint64
             * @description How often it was started again after a failure.
             */
            restarts: number;
            /** @description Where it stands in its life. */
            state: components["schemas"]["ModuleState"];
            /** @description The worst of its troubles. */
            status: components["schemas"]["HealthStatus"];
            /** @description What came from each of its streams since the server started. */
            streams: components["schemas"]["StreamStatus"][];
            /** @description Its version. */
            version: string;
        };
        /** @description A key that was made. The text is told this once. */
        CreatedKey: {
            apiKey: string;
            key: components["schemas"]["Key"];
        };
        /** @description An event that a consumer gave up, as it is stored and served. */
        DeadLetter: {
            /**
             * Format: uint32
             * @description How often the consumer tried.
             */
            attempts: number;
            /** @description The consumer that gave up. */
            consumer: string;
            /** @description The last error. */
            error: string;
            /** @description The event in its wire form. */
            event: unknown;
            /** @description The event's type. */
            eventType: string;
            /** @description When the consumer gave up. */
            failedAt: components["schemas"]["Timestamp"];
            /** @description Its identity: consumer and event. */
            id: string;
            /** @description True while it waits for another attempt that a person asked for. */
            retrying: boolean;
        };
        DeadLetterList: {
            /** Format: uint */
            count: number;
            deadLetters: components["schemas"]["DeadLetter"][];
            nextCursor?: string;
        };
        /** @description What a decision led to. */
        Decided: {
            message: string;
            request: components["schemas"]["Proposal"];
            requestId: string;
            /** @description What the approval is called; `null` unless it is complete. The token itself is nobody's to see. */
            token: components["schemas"]["ApprovalToken"] | null;
        };
        /** @description A person's decision, or the server's. */
        Decision: {
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /** @description Who decided. */
            by: string;
            /** @description Why, if they said. */
            reason?: string;
        };
        /** @description What became of one notice on one channel. */
        Delivery: {
            /** @description When it was last tried. */
            at: components["schemas"]["Timestamp"];
            /**
             * Format: uint64
             * @description How often it was tried.
             */
            attempts: number;
            /** @description The channel: `ops-hook` of `notifier.channels`, or the notifier's own name. */
            channel: string;
            /** @description The consumer that read the event, `notifier.channels/ops-hook`. */
            consumer: string;
            /** @description What it belongs to: an incident, or a request. */
            correlationId?: string;
            /** @description Why the last attempt failed. */
            error?: string;
            /** @description The event's id, or the summary's. */
            eventId: string;
            /** @description The event's wire type. */
            eventType: string;
            /** @description When it was first tried. */
            firstAt: components["schemas"]["Timestamp"];
            /** @description What became of it. */
            state: components["schemas"]["DeliveryState"];
        };
        /** @description What became of a notice. */
        DeliveryState: "sent" | "retrying" | "refused";
        /** @description What becomes of a line. */
        DiffKind: "same" | "removed" | "added";
        /** @description One line of a difference. */
        DiffLine: {
            /** @description What becomes of it. */
            kind: components["schemas"]["DiffKind"];
            /**
             * Format: uint
             * @description Its number afterwards, from 1; absent for one that is removed.
             */
            new?: number;
            /**
             * Format: uint
             * @description Its number before, from 1; absent for one that is added.
             */
            old?: number;
            /** @description What it says. */
            text: string;
        };
        Digest: string;
        /** @description The exact deed. */
        Effect: {
            /** @description The program and its arguments, one string each. */
            argv: string[];
            /** @description The folder it works in. */
            folder?: string;
            /** @constant */
            kind: "command";
            /** @description The user it runs as, if not the server's. */
            user?: string;
        } | {
            /** @description The body, if any. */
            body?: string;
            /**
             * @description The names of the headers that are sent.
             * @default []
             */
            headers: string[];
            /** @constant */
            kind: "request";
            /** @description The method. */
            method: string;
            /** @description The address; secrets in it are hidden. */
            url: string;
        } | {
            /** @constant */
            kind: "manual";
            /** @description What to do. */
            text: string;
        } | {
            /** @constant */
            kind: "steps";
            /** @description Each step, in order, in one line. */
            steps: string[];
        };
        /** @description An entry of the audit log. */
        Entry: {
            /** @description What was done. */
            action: string;
            /** @description Who did it: the subject of a credential, or a module id. */
            actor: string;
            /** @description When it was written. */
            at: components["schemas"]["Timestamp"];
            /** @description The thread it belongs to: the id of an incident. */
            correlationId?: string;
            /** @description More, depending on the action. */
            details?: {
                [key: string]: unknown;
            };
            /**
             * Format: uint64
             * @description Its number; the first entry is 1, and there are no gaps.
             */
            seq: number;
            /** @description What it was done to. */
            target?: string;
        };
        /** @description The escalation of one incident, as it is served. */
        Escalation: {
            /** @description Since when somebody has the incident, if anybody. */
            acknowledgedSince?: components["schemas"]["Timestamp"];
            /** @description When somebody is told next; never if absent. */
            dueAt?: components["schemas"]["Timestamp"];
            /** @description The incident. */
            incidentId: components["schemas"]["IncidentId"];
            /** @description True if whoever acknowledged it did not resolve it in time. */
            isOverdue: boolean;
            /**
             * Format: uint32
             * @description The level that was told last; 0 before the first.
             */
            level: number;
            /** @description The policy that matched it. */
            policyId: string;
            /** @description When the incident arrived, or came back after it was resolved. */
            startedAt: components["schemas"]["Timestamp"];
            /**
             * Format: uint32
             * @description How many times that level was told.
             */
            told: number;
        };
        EscalationList: {
            /** Format: uint */
            count: number;
            escalations: components["schemas"]["Escalation"][];
            nextCursor?: string;
        };
        /** @description One execution of one approved action. */
        Execution: {
            /** @description What was done. */
            action: components["schemas"]["Action"];
            /** @description Who approved it. */
            approvedBy: string[];
            /** @description When it was over. */
            endedAt: components["schemas"]["Timestamp"] | null;
            /** @description Its id. */
            id: string;
            /** @description The incident that it should help, if any. */
            incidentId: components["schemas"]["IncidentId"] | null;
            /**
             * Format: uint
             * @description Which of the proposal's actions, counted from 0.
             */
            index: number;
            /** @description How the executor ended. */
            outcome: components["schemas"]["Outcome"] | null;
            /** @description The proposal that was approved. */
            proposalId: string;
            /** @description When it began. */
            startedAt: components["schemas"]["Timestamp"];
            /** @description Where it stands. */
            state: components["schemas"]["ExecutionState"];
            /** @description What the post-condition found. */
            verdict: components["schemas"]["Verdict"] | null;
        };
        ExecutionList: {
            /** Format: uint */
            count: number;
            executions: components["schemas"]["Execution"][];
            nextCursor?: string;
        };
        /** @description Where an execution stands. */
        ExecutionState: "running" | "verifying" | "succeeded" | "failed" | "unknown";
        /** @description A module that does not start. */
        FailedStart: {
            /** @description The module. */
            module: string;
            /** @description Why. */
            reason: string;
        };
        /** @description How often an incident came back. */
        Flapping: {
            /**
             * Format: uint64
             * @description How many times it came back since `since`.
             */
            reopened: number;
            /** @description When it was first seen to flap. */
            since: components["schemas"]["Timestamp"];
        };
        HealthReport: {
            modules: {
                [key: string]: components["schemas"]["ModuleHealth"];
            };
            status: components["schemas"]["HealthStatus"];
            timestamp: components["schemas"]["Timestamp"];
            /**
             * Format: uint64
             * @description Seconds.
             */
            uptime: number;
        };
        /** @description How well something works. */
        HealthStatus: "healthy" | "degraded" | "unhealthy";
        /** @description An identity provider. */
        IdentityProvider: {
            /** @description False if it did not work when it was asked last. */
            isAvailable: boolean;
            /** @description What people call it. */
            name: string;
        };
        /** @description An incident as it is stored and served. Lists hand on what is stored, so a field that is added later is optional there. */
        Incident: {
            /** @description Who works on it. */
            assignee?: string;
            /**
             * Format: uint64
             * @description Resolved by itself after this many quiet milliseconds.
             */
            autoResolveMs?: number;
            /** @description The evidence. */
            context?: {
                [key: string]: unknown;
            };
            /** @description When it was stored. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description What was found. */
            description: string;
            /** @description When it was detected. */
            detectedAt: components["schemas"]["Timestamp"];
            /** @description The detector's module id. */
            detectedBy: string;
            /**
             * @description What modules found out, by module id.
             * @default {}
             */
            enrichments: {
                [key: string]: unknown;
            };
            /** @description Set while the incident opens and resolves in quick succession. */
            flapping?: components["schemas"]["Flapping"];
            /** @description Its identity. */
            id: components["schemas"]["IncidentId"];
            /** @description When the newest of them was seen. */
            lastSeenAt: components["schemas"]["Timestamp"];
            /**
             * Format: uint64
             * @description How many signals it stands for.
             */
            occurrences: number;
            /** @description How bad it is. */
            severity: components["schemas"]["Severity"];
            /** @description The wire type of the signal that led to it. */
            sourceEvent?: string;
            /** @description Where it stands. */
            status: components["schemas"]["Status"];
            /**
             * @description What happened to it, oldest first.
             * @default []
             */
            timeline: components["schemas"]["TimelineEntry"][];
            /**
             * Format: uint64
             * @description How many timeline entries were dropped to keep the record small.
             */
            timelineDropped?: number;
            /** @description One line for people. */
            title: string;
            /** @description When it was last changed. */
            updatedAt: components["schemas"]["Timestamp"];
        };
        /**
         * @description The identity of an incident, in the form of a UUID.
         *
         *     Detectors derive it from what they saw, so the same line read again names the same incident.
         */
        IncidentId: string;
        IncidentList: {
            /** Format: uint */
            count: number;
            incidents: components["schemas"]["Incident"][];
            nextCursor?: string;
            /** @description How far a search went. */
            search?: components["schemas"]["Search"];
        };
        /** @description What became of one incident. */
        IncidentOutcome: {
            /** @description Why it was not changed: a code and its explanation. */
            code?: string;
            detail?: string;
            id: components["schemas"]["IncidentId"];
            incidentStatus?: components["schemas"]["Status"];
            /**
             * Format: uint16
             * @description The status that a request for this one alone would have been answered with.
             */
            status: number;
        };
        /** @description A token that was issued. The text is told this once. */
        IssuedToken: {
            jwt: string;
            token: components["schemas"]["Token"];
        };
        /** @description What is known of a key. */
        Key: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description Who made it. */
            createdBy: string;
            /** @description When its life is over. */
            expiresAt: components["schemas"]["Timestamp"];
            /** @description The part of the key that names it. */
            id: string;
            /** @description Who holds it. */
            kind: components["schemas"]["Kind"];
            /** @description Whose it is: the subject of whatever is done with it. */
            label: string;
            /** @description When it was last used, to the minute; absent if never. */
            lastUsedAt?: components["schemas"]["Timestamp"];
            /** @description When it was revoked; absent if it was not. */
            revokedAt?: components["schemas"]["Timestamp"];
            /** @description What it allows. */
            role: components["schemas"]["Role"];
        };
        KeyList: {
            /** Format: uint */
            count: number;
            keys: components["schemas"]["Key"][];
            nextCursor?: string;
        };
        /** @description What kind of actor a credential belongs to. */
        Kind: "human" | "service" | "agent";
        /** @description What a rule makes of a line. */
        LineOutcome: {
            /** @description The description of the incident. */
            description?: string;
            /** @description What the groups of the pattern captured; one that took no part is `null`. */
            groups?: (string | null)[];
            /** @description True if the rule acts on the line. */
            matches: boolean;
            /** @description Why it does not. */
            reason?: string;
            /** @description The title of the incident. */
            title?: string;
            /**
             * Format: double
             * @description The number that was read from the line.
             */
            value?: number;
        };
        /** @description How somebody proved who they are. */
        Method: "local" | "jwt" | "apiKey" | "session";
        /** @description What a module says of itself. */
        ModuleDetail: {
            category: components["schemas"]["Category"];
            /** @description What the configuration says, without secrets; what is not there has its default. */
            configuration: unknown;
            consumes: string[];
            dependencies: string[];
            description: string;
            emits: string[];
            /** @description Whether the configuration switches it on. */
            enabled: boolean;
            id: string;
            metrics: components["schemas"]["Reading"][];
            /** @description How it is; `null` while it does not run. */
            status: components["schemas"]["ModuleStatus"] | null;
            version: string;
        };
        ModuleHealth: {
            details: {
                [key: string]: unknown;
            };
            message?: string;
            /** Format: uint64 */
            restarts: number;
            state: components["schemas"]["ModuleState"];
            status: components["schemas"]["HealthStatus"];
        };
        ModuleList: {
            /** Format: uint */
            count: number;
            modules: components["schemas"]["ModuleStatus"][];
        };
        /** @description Where a module stands in its life. */
        ModuleState: "registered" | "initialised" | "running" | "stopping" | "stopped" | "failed";
        /** @description How a module is, as it is served. */
        ModuleStatus: {
            /** @description Its category. */
            category: components["schemas"]["Category"];
            /**
             * @description Figures of the module.
             * @default {}
             */
            details: {
                [key: string]: unknown;
            };
            /** @description The module's id. */
            id: string;
            /** @description When any of this last changed. */
            lastCheck: components["schemas"]["Timestamp"];
            /** @description What the troubles are, where there are any. */
            message?: string;
            /**
             * Format: uint64
             * @description How often it was started again after a failure.
             */
            restarts: number;
            /** @description Where it stands in its life. */
            state: components["schemas"]["ModuleState"];
            /** @description The worst of its troubles. */
            status: components["schemas"]["HealthStatus"];
            /** @description Its version. */
            version: string;
        };
        NotificationList: {
            /** Format: uint */
            count: number;
            nextCursor?: string;
            notifications: components["schemas"]["Delivery"][];
        };
        /** @description One thing that a module could be used for here, found without any configuration. */
        Offer: {
            /** @description What it is: a path, an address, a service. It holds no secret. */
            name: string;
            /** @description What is worth to know of it. */
            note?: string;
            /** @description The options with which the module uses it. */
            options: unknown;
        };
        /** @description Who is on call at a moment. */
        OnCall: {
            at: components["schemas"]["Timestamp"];
            /** Format: uint */
            count: number;
            people: components["schemas"]["OnCallPerson"][];
            schedules: components["schemas"]["OnCallSchedule"][];
        };
        /** @description Somebody who can be on call. */
        OnCallPerson: {
            channels: string[];
            id: string;
            name: string;
        };
        /** @description Who a schedule names. */
        OnCallSchedule: {
            overrides: components["schemas"]["Override"][];
            /** @description Who is on call; `null` is nobody. */
            person: string | null;
            schedule: string;
            /** @description Until when, if that ends. */
            until: components["schemas"]["Timestamp"] | null;
        };
        /** @description How an execution ended. */
        Outcome: {
            /** @description What it printed or answered, cut to the limit; control characters are kept and escaped where shown. */
            output: string;
            /** @description True if the executor did what it should: exit code 0, a status below 300. */
            succeeded: boolean;
            /** @description How it ended in one line: `exit code 0`, `killed after 30 s`, `503 Service Unavailable`. */
            summary: string;
            /** @description True if there was more output than the limit. */
            truncated: boolean;
        };
        /** @description Somebody stands in for whoever would be on call. */
        Override: {
            /** @description When it was entered. */
            addedAt: components["schemas"]["Timestamp"];
            /** @description Who entered it. */
            addedBy: string;
            /** @description From when. */
            from: components["schemas"]["Timestamp"];
            /** @description Its identity. */
            id: string;
            /** @description Who stands in. */
            person: string;
            /** @description Why, if they said. */
            reason?: string;
            /** @description The schedule. */
            schedule: string;
            /** @description Where it comes from. */
            source: components["schemas"]["Source"];
            /** @description Until when, which is not included. */
            until: components["schemas"]["Timestamp"];
        };
        /** @description What will be done, as it is shown to whoever decides. */
        Plan: {
            /** @description The exact deed. */
            effect: components["schemas"]["Effect"];
            /**
             * @description What contains it: sandbox, user, limits, timeout; one line each.
             * @default []
             */
            limits: string[];
            /** @description What is proposed if it does not help, if anything. */
            rollback?: string;
            /** @description How success will be checked. */
            success: string;
            /** @description What it is done to, for example `unit nginx.service`. */
            target: string;
            /** @description What it touches, one line each: hosts, files, users, units. */
            touches: string[];
        };
        /** @description Who must approve a type of action, and for how long that counts. */
        Policy: {
            /**
             * Format: uint8
             * @description How many different people must approve, from 1 to 5. Default 1.
             * @default 1
             */
            approvers: number;
            /**
             * Format: uint32
             * @description How long a proposal may wait for a decision, in minutes. From 1 to 10080, default 1440.
             * @default 1440
             */
            maxAgeMinutes: number;
            /**
             * @description The least that an approver must be. Default `operator`.
             * @default operator
             */
            role: components["schemas"]["Role"];
            /**
             * Format: uint32
             * @description How long an approval is valid, in minutes. From 1 to 60, default 15.
             * @default 15
             */
            tokenMinutes: number;
        };
        Probe: {
            reasons?: string[];
            status: string;
            timestamp: components["schemas"]["Timestamp"];
        };
        /** @description What went wrong (RFC 9457). Some kinds have further members. */
        Problem: {
            /** @description The kind of error: a name that does not change. */
            code: string;
            /** @description What is wrong with this request. */
            detail?: string;
            /** @description Each wrong parameter or field. */
            errors?: {
                field?: string;
                message: string;
                parameter?: string;
            }[];
            /**
             * Format: uri
             * @description The request, as in `X-Request-Id`.
             */
            instance: string;
            /** @description The status. */
            status: number;
            /** @description The kind of error in words. */
            title: string;
            /**
             * Format: uri
             * @description `urn:opspilot:problem:` and the code.
             */
            type: string;
        };
        /** @description A proposal as it is served. The token is not in it. */
        Proposal: {
            actionType: string;
            actions: components["schemas"]["ProposedAction"][];
            approvals: components["schemas"]["Decision"][];
            /** @description For whom a module proposed it: they may not decide it either. */
            askedBy?: string;
            description: string;
            ended?: components["schemas"]["Decision"];
            /** @description Until when somebody may decide; once approved, until when the approval is valid. */
            expiresAt: components["schemas"]["Timestamp"];
            id: string;
            incidentId?: components["schemas"]["IncidentId"];
            policy: components["schemas"]["Policy"];
            reasoning: string;
            requestedAt: components["schemas"]["Timestamp"];
            requestedBy: string;
            status: components["schemas"]["ProposalStatus"];
        };
        ProposalList: {
            /** Format: uint */
            count: number;
            nextCursor?: string;
            requests: components["schemas"]["Proposal"][];
        };
        /** @description Where a proposal stands. */
        ProposalStatus: "pending" | "approved" | "executing" | "succeeded" | "failed" | "unknown" | "denied" | "expired" | "cancelled" | "refused";
        /** @description One action of a proposal. */
        ProposedAction: {
            actionType: string;
            arguments: {
                [key: string]: unknown;
            };
            /** @description What an approval is bound to. */
            digest: components["schemas"]["Digest"];
            dryRun?: string;
            executor: string;
            fromEvidence: string[];
            plan: components["schemas"]["Plan"];
            precondition?: string;
        };
        /** @description The current value of one series. */
        Reading: {
            /** @description Its labels besides `module`. */
            labels?: {
                [key: string]: string;
            };
            /** @description The metric's name. */
            name: string;
            /**
             * Format: int64
             * @description The value.
             */
            value: number;
        };
        /** @description What a reload changed. */
        ReloadReport: {
            /** @description Modules among those that do not start. They are tried again by themselves. */
            failed?: components["schemas"]["FailedStart"][];
            /** @description Changes that take effect only when the server starts again. */
            needsRestart: string[];
            /** @description Modules whose options changed. */
            restarted: string[];
            /** @description Modules that were switched on. */
            started: string[];
            /** @description Modules that were switched off. */
            stopped: string[];
            /** @description What is doubtful in the configuration, with its place. */
            warnings?: string[];
        };
        /** @description What a restart led to. */
        Restarted: {
            message: string;
            module: components["schemas"]["ModuleStatus"] | null;
        };
        /** @description What somebody may do; each role includes those before it. */
        Role: "viewer" | "operator" | "admin";
        /** @description What a rule says. */
        Rule: {
            /** @description The description of its incidents, with its placeholders. */
            description: string;
            detector: string;
            /** @description Whether it is in use. */
            enabled: boolean;
            /** @description Its name. */
            id: string;
            /** @description Numbers that decide when it acts, by option. */
            limits: {
                [key: string]: unknown;
            };
            /** @description How often it matched since the server started; `null` if it did not. */
            matched: components["schemas"]["RuleCount"] | null;
            /** @description What it looks for, by option. */
            patterns: {
                [key: string]: unknown;
            };
            /** @description Whether its detector runs. */
            running: boolean;
            /** @description How bad what it finds is. */
            severity: components["schemas"]["Severity"];
            /** @description The lines that `opspilot-server check` and `POST /rules/test` try it with. */
            tests: unknown;
            /** @description The title of its incidents, with its placeholders. */
            title: string;
        };
        RuleChangeList: {
            changes: components["schemas"]["ConfigChange"][];
            /** Format: uint */
            count: number;
            nextCursor?: string;
        };
        /** @description What a change would do. */
        RuleChangePreview: {
            detector: string;
            diff: components["schemas"]["DiffLine"][];
            /** @description Why it cannot be applied by the server, and what to do instead; `null` if it can. */
            obstacle: string | null;
            /** @description The digest of the file that the change would make. */
            result: components["schemas"]["Digest"];
            /** @description The id of the rule as the file has it, for a new rule the new one. */
            ruleId: string;
        };
        /** @description How often a rule matched. */
        RuleCount: {
            /** @description When the last of them was. */
            lastMatchAt: components["schemas"]["Timestamp"];
            /**
             * Format: uint64
             * @description Matches since the process started.
             */
            matches: number;
        };
        /** @description What a rule says. */
        RuleDescription: {
            /** @description The description of its incidents, with its placeholders. */
            description: string;
            /** @description Whether it is in use. */
            enabled: boolean;
            /** @description Its name. */
            id: string;
            /** @description Numbers that decide when it acts, by option. */
            limits: {
                [key: string]: unknown;
            };
            /** @description What it looks for, by option. */
            patterns: {
                [key: string]: unknown;
            };
            /** @description How bad what it finds is. */
            severity: components["schemas"]["Severity"];
            /** @description The title of its incidents, with its placeholders. */
            title: string;
        };
        /** @description What was looked at, and what was found. */
        RuleDryRun: {
            /** @description False if there are more incidents than were looked at; `stopped` says why. */
            complete: boolean;
            detector: string;
            /**
             * Format: uint
             * @description How many incidents were looked at, and how many of them have a line as evidence.
             */
            incidents: number;
            /** Format: uint */
            lines: number;
            /**
             * Format: uint
             * @description How many of those lines match.
             */
            matched: number;
            /** @description The first of the matches. */
            matches: components["schemas"]["RuleMatch"][];
            rule: components["schemas"]["RuleDescription"];
            stopped?: string;
        };
        RuleList: {
            /** Format: uint */
            count: number;
            /** @description The detectors that can have rules, whether they have some or not. */
            detectors: string[];
            rules: components["schemas"]["Rule"][];
        };
        /** @description A line of an incident that the rule matches. */
        RuleMatch: {
            detectedAt: components["schemas"]["Timestamp"];
            incidentId: components["schemas"]["IncidentId"];
            line: string;
            outcome: components["schemas"]["LineOutcome"];
            /** @description What the incident is called now. */
            title: string;
        };
        RuleTest: {
            detector: string;
            /** @description What the rule makes of each line, in their order. */
            lines: components["schemas"]["LineOutcome"][];
            /**
             * Format: uint
             * @description How many of the lines match.
             */
            matched: number;
            rule: components["schemas"]["RuleDescription"];
            /** @description How the rule's own tests go. */
            tests: components["schemas"]["TestOutcome"][];
        };
        /** @description The text of a rule in the configuration file. */
        RuleText: {
            detector: string;
            id: string;
            /** @description The rule as YAML, from the left margin, with its comments. */
            rule: string;
        };
        /** @description One time that a runbook is carried out. */
        Run: {
            /** @description True if each executable step is approved for itself, false if all are approved at once. */
            approvesPerStep: boolean;
            /** @description When there is something to do next, whatever happens. */
            dueAt?: components["schemas"]["Timestamp"];
            /** @description When it ended. */
            endedAt?: components["schemas"]["Timestamp"];
            /** @description Its id, `RB-` and eight hexadecimal digits. */
            id: string;
            /** @description The incident. */
            incidentId: components["schemas"]["IncidentId"];
            /** @description Why it is in this state, where that is not plain. */
            note?: string;
            /** @description The runbook. */
            runbookId: string;
            /** @description When it was started. */
            startedAt: components["schemas"]["Timestamp"];
            /** @description Who started it: a person's subject or a module id. */
            startedBy: string;
            /** @description How far it has come. */
            state: components["schemas"]["RunState"];
            /** @description The steps with what became of them. */
            steps: components["schemas"]["RunStep"][];
            /** @description The runbook's title. */
            title: string;
            /** @description Proposals that nobody needs any more, to be taken back. */
            toWithdraw?: string[];
            /** @description When it was last changed. */
            updatedAt: components["schemas"]["Timestamp"];
        };
        RunList: {
            /** Format: uint */
            count: number;
            nextCursor?: string;
            runs: components["schemas"]["Run"][];
        };
        /** @description How far a run has come. */
        RunState: "awaiting_approval" | "running" | "paused" | "completed" | "failed" | "cancelled";
        /** @description A step of a run. */
        RunStep: {
            /** @description When it ended. */
            endedAt?: components["schemas"]["Timestamp"];
            /** @description Who ended it, if a person did. */
            endedBy?: string;
            /** @description What it printed, found or was answered, cut to a limit. */
            output?: string;
            /** @description The proposal that holds its action. */
            proposal?: components["schemas"]["StepProposal"];
            /** @description When it began. */
            startedAt?: components["schemas"]["Timestamp"];
            /** @description How far it has come. */
            state: components["schemas"]["StepState"];
            /** @description The step as it was when the run was started. */
            step: components["schemas"]["Step"];
        };
        /** @description Ordered steps against one kind of trouble. */
        Runbook: {
            /** @description Its id. */
            id: string;
            /** @description The steps, in order. */
            steps: components["schemas"]["Step"][];
            /** @description One line for people. */
            title: string;
        };
        RunbookList: {
            /** Format: uint */
            count: number;
            runbooks: components["schemas"]["Runbook"][];
        };
        /** @description A saved view. */
        SavedView: {
            /** @description When it was first saved. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description What its owner calls it. */
            name: string;
            /** @description The query that it stands for, as in an address: `status=open&severity=critical`. */
            query: string;
            /** @description When it was last saved. */
            updatedAt: components["schemas"]["Timestamp"];
        };
        SavedViewList: {
            /** Format: uint */
            count: number;
            views: components["schemas"]["SavedView"][];
        };
        /** @description How far a search went. */
        Search: {
            /** @description False if the search stopped before the page was full and before the last incident: `nextCursor` goes on. */
            complete: boolean;
            /**
             * Format: uint
             * @description How many incidents were looked at for this page.
             */
            examined: number;
            stopped?: string;
        };
        Setup: {
            file: components["schemas"]["SetupFile"];
            readiness: components["schemas"]["SetupReadiness"];
            /** @description Every connector that is built in. */
            sources: components["schemas"]["SetupSource"][];
        };
        /** @description The configuration file. */
        SetupFile: {
            /** @description The SHA-256 of what it says; `null` if there is none yet. */
            digest: components["schemas"]["Digest"] | null;
            /** @description Why it cannot be saved, and what to do instead. */
            obstacle?: string;
            /** @description Its path, as the server was told it. */
            path: string;
        };
        /** @description How much something matters. */
        SetupImpact: "critical" | "high" | "medium";
        /** @description Something that a server needs, or is better with. */
        SetupItem: {
            /** @description Whether it is there. */
            done: boolean;
            /** @description Its name. */
            id: string;
            /** @description How much it matters. */
            impact: components["schemas"]["SetupImpact"];
            /** @description What it is. */
            label: string;
            /** @description What to do where it is not. */
            wayOut?: string;
        };
        /** @description The configuration as it would be. */
        SetupPreview: {
            /** @description What would change, with some lines around it. Where lines that stay are left out, the numbers jump. */
            diff: components["schemas"]["DiffLine"][];
            /** @description What `opspilot-server check` would find wrong. */
            faults: unknown[];
            file: components["schemas"]["SetupFile"];
            /** @description The modules that would run. */
            modules: string[];
            /** @description Whether there is no fault. */
            ok: boolean;
            readiness: components["schemas"]["SetupReadiness"];
            /** @description What it would find doubtful. */
            warnings: unknown[];
        };
        /** @description How far the server is set up. */
        SetupReadiness: {
            /** @description Everything that counts, the most important first. */
            items: components["schemas"]["SetupItem"][];
            /**
             * Format: uint32
             * @description How much of it is done, in percent; at most 50 while something critical is missing.
             */
            percent: number;
            /** @description Whether nothing critical is missing. */
            ready: boolean;
        };
        /** @description A connector, and what this machine has for it. */
        SetupSource: {
            description: string;
            id: string;
            offers: components["schemas"]["Offer"][];
            /** @description Whether it runs. */
            running: boolean;
        };
        /** @description One thing that was tried. */
        SetupTrial: {
            /** @description What is wrong, and the way out. */
            fault?: string;
            /** @description The module that would use it. */
            module: string;
            /** @description What it is. */
            name: string;
            /** @description What is worth to know although it works. */
            note?: string;
            /** @description Whether it works. */
            ok: boolean;
        };
        /** @description What came of trying. */
        SetupTried: {
            /** @description What is wrong with the configuration itself: then nothing was tried. */
            faults: unknown[];
            /** @description Whether all is well. */
            ok: boolean;
            /** @description Each thing that was tried. */
            trials: components["schemas"]["SetupTrial"][];
        };
        /** @description How bad an incident is. */
        Severity: "info" | "warning" | "critical";
        /** @description How people sign in here. Whoever looks at the sign-in page may know. */
        SignInMethods: {
            /** @description With an API key. */
            apiKey: boolean;
            /** @description False while authentication is off: everybody is in. */
            isRequired: boolean;
            /** @description At an identity provider; absent if there is none. */
            oidc?: components["schemas"]["IdentityProvider"];
            /** @description With a name and a password. */
            password: boolean;
        };
        /** @description Where a stand-in comes from. */
        Source: "configuration" | "entered";
        SourceList: {
            /** Format: uint */
            count: number;
            sources: components["schemas"]["ConnectorSource"][];
            /**
             * Format: uint64
             * @description Streams that were silent for long and are not listed any more.
             */
            streamsForgotten: number;
        };
        /** @description Where an incident stands. */
        Status: "open" | "acknowledged" | "resolved" | "closed";
        /** @description One step, as the configuration describes it. */
        Step: {
            /** @description What is done or checked, for kinds that name an action of the catalogue. */
            action?: components["schemas"]["StepAction"];
            /** @description What to do, in words. */
            instruction: string;
            /** @description What kind of step it is. */
            kind: components["schemas"]["StepKind"];
            /**
             * @description True if the run goes on when the step fails.
             * @default false
             */
            mayFail: boolean;
            /**
             * Format: uint64
             * @description How long the step may take, in milliseconds; for a step of a person, how long it waits for them.
             */
            timeoutMs: number;
            /**
             * Format: uint64
             * @description How long to wait, in milliseconds, for a wait.
             * @default 0
             */
            waitMs: number;
        };
        /** @description An action of the catalogue. */
        StepAction: {
            /** @description Its type. */
            actionType: string;
            /**
             * @description The values of its parameters.
             * @default {}
             */
            arguments: {
                [key: string]: unknown;
            };
        };
        /** @description The kinds of step. */
        StepKind: "manual" | "command" | "http" | "wait" | "check" | "approval";
        /** @description Where the action of a step is proposed. */
        StepProposal: {
            /** @description The proposal. */
            id: string;
            /**
             * Format: uint
             * @description Which of the proposal's actions it is, from 0.
             */
            index: number;
        };
        /** @description How far a step has come. */
        StepState: "pending" | "awaiting_approval" | "awaiting_person" | "executing" | "completed" | "failed" | "skipped" | "unknown";
        /** @description What came from one stream. */
        StreamStatus: {
            /**
             * Format: uint64
             * @description Bytes of the batches that they came in.
             */
            bytes: number;
            /** @description When the first batch came. */
            firstAt: components["schemas"]["Timestamp"];
            /** @description When the last batch came. */
            lastAt: components["schemas"]["Timestamp"];
            /** @description The connector's module id. */
            module: string;
            /** @description The name people know it by, for example the file's path. */
            name: string;
            /**
             * Format: uint64
             * @description How far the stream was read; what the number means, the connector says.
             */
            position: number;
            /**
             * Format: uint64
             * @description Records since the process started.
             */
            records: number;
            /**
             * Format: uint64
             * @description Records in the last minute.
             */
            recordsLastMinute: number;
            /** @description The identity of the stream. */
            stream: string;
        };
        /** @description Which tokens of a subject do not count. */
        SubjectRule: {
            /** @description Tokens that were issued before this moment do not count. */
            notBefore: components["schemas"]["Timestamp"];
            /** @description Whose tokens. */
            subject: string;
        };
        /** @description How a test of a rule went. */
        TestOutcome: {
            /** @description What it does instead. */
            failure?: string;
            /** @description The line. */
            line: string;
            /** @description True if the rule does with it what it should. */
            passes: boolean;
        };
        Timeline: {
            /** Format: uint */
            count: number;
            /**
             * Format: uint64
             * @description How many entries after the first were dropped to keep the incident small.
             */
            dropped: number;
            entries: components["schemas"]["TimelineEntry"][];
            nextCursor?: string;
        };
        /** @description One line of an incident's history. */
        TimelineEntry: {
            /** @description What: `created`, `status.changed`, `assigned`, `comment`, `enrichment.added` or `flapping`. */
            action: string;
            /** @description Who: a person's subject or a module id. */
            actor: string;
            /** @description More, depending on the action. */
            details?: {
                [key: string]: unknown;
            };
            /** @description Why, where a reason was given. */
            reason?: string;
            /** @description When. */
            timestamp: components["schemas"]["Timestamp"];
        };
        /** Format: date-time */
        Timestamp: string;
        /** @description What is known of a token that was issued here. */
        Token: {
            /** @description When its life is over. */
            expiresAt: components["schemas"]["Timestamp"];
            /** @description When it was issued. */
            issuedAt: components["schemas"]["Timestamp"];
            /** @description Who issued it. */
            issuedBy: string;
            /** @description Its id. */
            jti: string;
            /** @description Who holds it. */
            kind: components["schemas"]["Kind"];
            /** @description When it was written down. */
            recordedAt: components["schemas"]["Timestamp"];
            /** @description When it was revoked; absent if it was not. */
            revokedAt?: components["schemas"]["Timestamp"];
            /** @description What it allows. */
            role: components["schemas"]["Role"];
            /** @description Whose it is: the subject of whatever is done with it. */
            subject: string;
        };
        TokenList: {
            /** Format: uint */
            count: number;
            nextCursor?: string;
            tokens: components["schemas"]["Token"][];
        };
        Topology: {
            edges: components["schemas"]["TopologyEdge"][];
            nodes: components["schemas"]["TopologyNode"][];
        };
        /** @description What one module publishes and another reads. */
        TopologyEdge: {
            from: string;
            to: string;
            /** @description The wire types. */
            types: string[];
        };
        /** @description Something that runs. */
        TopologyNode: {
            category: components["schemas"]["Category"];
            description: string;
            id: string;
            state: components["schemas"]["ModuleState"];
            status: components["schemas"]["HealthStatus"];
        };
        /** @description What is known of somebody who signs in by password. */
        User: {
            /** @description When they were added. */
            createdAt: components["schemas"]["Timestamp"];
            /** @description Who added them. */
            createdBy: string;
            /** @description Who it is: the subject of whatever they do. */
            name: string;
            /** @description When the password was set. */
            passwordSetAt: components["schemas"]["Timestamp"];
            /** @description What they may. */
            role: components["schemas"]["Role"];
        };
        UserList: {
            /** Format: uint */
            count: number;
            nextCursor?: string;
            users: components["schemas"]["User"][];
        };
        /** @description What a post-condition found. */
        Verdict: {
            /** @description What was seen. */
            detail: string;
            /** @description True if the action helped. */
            passed: boolean;
        };
        /** @description Who somebody is, as it is told to them. */
        Who: {
            /** @description What a page sends as `X-CSRF-Token` with each change; absent without a session. */
            csrfToken?: string;
            kind: components["schemas"]["Kind"];
            method: components["schemas"]["Method"];
            role: components["schemas"]["Role"];
            subject: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
