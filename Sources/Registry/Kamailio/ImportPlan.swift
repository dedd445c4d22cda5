internal import CoreTypes

/// What an import would do, row by row.
public struct ImportPlan: Sendable {
    public enum Step: Sendable, Equatable {
        /// With the digest algorithms that it can answer.
        case addSubscriber(aor: String, algorithms: [String])
        case addNetwork(RegistrySnapshot.Address)
        /// It is here already, just like this.
        case present(String)
        /// It is here already, and different: left as it is.
        case differs(String)
    }

    public fileprivate(set) var steps: [Step] = []
    fileprivate var subscribers: [KamailioData.Subscriber] = []
    fileprivate var addresses: [RegistrySnapshot.Address] = []

    public var changes: Int { subscribers.count + addresses.count }
}

extension RegistryStore {
    /// Looks only.
    public func plan(_ data: KamailioData) throws(RegistryError) -> ImportPlan {
        var plan = ImportPlan()
        let known = Dictionary(try subscribers().map { ($0.aor, $0) }) { first, _ in first }
        let hashes = Dictionary(
            try snapshot().subscribers.map { ("\($0.username)@\($0.domain)", $0.ha1.md5) }
        ) { first, _ in first }
        for subscriber in data.subscribers {
            let aor = subscriber.name.text
            guard known[aor] == nil else {
                let isSame = hashes[aor].flatMap { $0 }.map { $0 == Array(full(subscriber).md5.utf8) } ?? false
                plan.steps.append(isSame ? .present("subscriber \(aor)") : .differs("subscriber \(aor)"))
                continue
            }
            plan.subscribers.append(subscriber)
            plan.steps.append(
                .addSubscriber(
                    aor: aor, algorithms: knowsPassword(subscriber) ? ["MD5", "SHA-256", "SHA-512-256"] : ["MD5"]))
        }
        let networks = try addresses().map(\.rule)
        for rule in data.addresses {
            let text = "network \(rule.network) in group \(rule.group)"
            let same = networks.first {
                $0.network == rule.network && $0.group == rule.group && $0.port == rule.port
                    && $0.transport == rule.transport
            }
            if let same {
                plan.steps.append(
                    same.tag == rule.tag ? .present(text) : .differs("\(text), there for \(quoted(same.tag))"))
            } else if !plan.addresses.contains(rule) {
                plan.addresses.append(rule)
                plan.steps.append(.addNetwork(rule))
            }
        }
        return plan
    }

    /// Does what was planned, each row in a transaction of its own, so that what is done stays done.
    /// - Parameter progress: told how many of all are done.
    /// - Throws: at the first row that can't be added.
    public func carryOut(_ plan: ImportPlan, progress: (Int) -> Void = { _ in }) throws(RegistryError) {
        var done = 0
        for subscriber in plan.subscribers {
            if knowsPassword(subscriber) {
                try addSubscriber(subscriber.name.text, password: subscriber.password)
            } else {
                try addSubscriber(subscriber.name, ha1: subscriber.ha1, ha1b: subscriber.ha1b)
            }
            done += 1
            progress(done)
        }
        for rule in plan.addresses {
            try allow(rule)
            done += 1
            progress(done)
        }
    }

    /// Whether the password that stands there is the one that the hash is of: as Kamailio, the hash is believed.
    private func knowsPassword(_ subscriber: KamailioData.Subscriber) -> Bool {
        !subscriber.password.isEmpty
            && (subscriber.ha1.isEmpty || full(subscriber, fromPassword: true).md5 == subscriber.ha1)
    }

    private func full(_ subscriber: KamailioData.Subscriber, fromPassword: Bool = false) -> PasswordHashes {
        var hashes = PasswordHashes(
            user: subscriber.name.user, domain: subscriber.name.domain,
            realm: settings.realm ?? subscriber.name.domain, password: subscriber.password)
        if !fromPassword, !subscriber.ha1.isEmpty { hashes.md5 = subscriber.ha1 }
        return hashes
    }
}
