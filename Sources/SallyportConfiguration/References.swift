internal import CoreTypes
internal import SettingsFile

extension Configuration {
    /// Names that point at other parts of the file, and things that may be there once only.
    func checkReferences(_ report: Report) {
        let names = profiles.keys.sorted()
        for (index, listener) in listeners.enumerated() where profiles[listener.profile] == nil {
            complain(
                report, "listeners[\(index)].profile", "there is no profile '\(listener.profile)'",
                known: names)
        }
        for (index, route) in routes.enumerated() {
            if let profile = route.match.profile, profiles[profile] == nil {
                complain(report, "routes[\(index)].match.profile", "there is no profile '\(profile)'", known: names)
            }
            if case .pool(let pool) = route.to, pools[pool] == nil {
                complain(report, "routes[\(index)].to", "there is no pool '\(pool)'", known: pools.keys.sorted())
            }
        }
        for (name, profile) in profiles where !profile.certificates.isEmpty && tls.clientCertificate == .none {
            report.complain(
                "profiles.\(name).certificates", at: nil, "nobody is asked for a certificate",
                mend: "set tls.client_certificate to optional or required")
        }
        checkUnique(report, "routes", routes.map(\.name), key: ".name")
        checkUnique(report, "witness.forward", witness.forward.map(\.name), key: ".name")
        checkUnique(report, "bans.jails", bans.jails.map(\.name), key: ".name")
        checkUnique(
            report, "listeners",
            listeners.map { listener in
                // Port 0 is a new port each time; TCP and TLS share the port space of streams.
                listener.address.port == 0
                    ? "" : (listener.transport == .udp ? "udp " : "stream ") + listener.address.description
            }, key: ".address")
        for (index, listener) in listeners.enumerated() where listener.address.address.isMulticast {
            report.complain(
                "listeners[\(index)].address", at: nil, "\(listener.address) is a multicast address",
                mend: "name an address of this machine, or 0.0.0.0 for all")
        }
    }

    private func complain(_ report: Report, _ path: String, _ what: String, known: [String]) {
        let word = what.split(separator: "'").last.map(String.init) ?? ""
        let mend = known.isEmpty ? "add it under 'pools'" : Suggestion.mend(word, among: known)
        report.complain(path, at: nil, what, mend: mend)
    }

    private func checkUnique(_ report: Report, _ list: String, _ names: [String], key: String) {
        var first: [String: Int] = [:]
        for (index, name) in names.enumerated() where !name.isEmpty {
            if let earlier = first[name] {
                report.complain(
                    "\(list)[\(index)]\(key)", at: nil, "'\(name.split(separator: " ").last ?? "")' stands here twice",
                    mend: "\(list)[\(earlier)] has it already; change or remove one")
            } else {
                first[name] = index
            }
        }
    }
}
