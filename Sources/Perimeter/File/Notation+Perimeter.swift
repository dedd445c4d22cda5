internal import CoreTypes
internal import SettingsFile

extension Notation where Value == PortRange {
    static var ports: Notation {
        Notation("a port or a range of them, such as 22 or 16384-32768", write: \.description) { text in
            if let ports = PortRange(text) { return .success(ports) }
            return .failure(Complaint(what: "'\(text.prefix(40))' is no port from 0 to 65535 and no range of them"))
        }
    }
}

extension Notation where Value == TransportProtocol {
    static var transportProtocol: Notation {
        Notation("tcp, udp, icmp, icmpv6, all, or a protocol's number", write: \.description) { text in
            if let transport = TransportProtocol(text) { return .success(transport) }
            return .failure(
                Complaint(
                    what: "'\(text.prefix(40))' is no protocol",
                    mend: Suggestion.mend(text, among: ["tcp", "udp", "icmp", "icmpv6", "all"])))
        }
    }
}

extension Notation where Value == Role.Origin {
    static var origin: Notation {
        Notation(
            "admin, anywhere, role:NAME, group:NAME, prefix-list:ID or a network such as 192.0.2.0/24",
            write: { origin in
                switch origin {
                case .admin: "admin"
                case .anywhere: "anywhere"
                case .network(let network): network.description
                case .role(let name): "role:\(name)"
                case .group(let name): "group:\(name)"
                case .prefixList(let id): "prefix-list:\(id)"
                }
            },
            read: { text in
                switch text {
                case "admin": return .success(.admin)
                case "anywhere": return .success(.anywhere)
                default: break
                }
                if let role = text.afterPrefix("role:") { return .success(.role(role)) }
                switch Source(text) {
                case .network(let network): return .success(.network(network))
                case .group(let name): return .success(.group(name))
                case .prefixList(let id): return .success(.prefixList(id))
                case nil: break
                }
                // What begins like an address has its own complaint, such as bits beyond the prefix.
                if text.contains("/") || text.first?.isNumber == true {
                    do throws(IPNetwork.ParseError) {
                        return .success(.network(try IPNetwork(parsing: text)))
                    } catch {
                        return .failure(Complaint(what: error.description))
                    }
                }
                let near = Suggestion.nearest(to: text, among: ["admin", "anywhere"])
                return .failure(
                    Complaint(
                        what: "'\(text.prefix(60))' is nobody known here", mend: near.map { "did you mean '\($0)'?" }))
            })
    }
}

extension Notation where Value == String {
    /// Names that the cloud gives and allows much in.
    static var word: Notation {
        text("1 to 255 printable characters") { text in
            let good = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            return good && (1...255).contains(text.utf8.count) ? text : nil
        }
    }

    static var reason: Notation {
        text("a sentence of 1 to 255 characters") { text in
            let good = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            return good && (1...255).contains(text.utf8.count) ? text : nil
        }
    }
}

extension Notation where Value == CalendarDate {
    static var date: Notation {
        Notation("a day such as 2027-01-31", write: \.description) { text in
            if let date = CalendarDate(text) { return .success(date) }
            return .failure(Complaint(what: "'\(text.prefix(40))' is no day of the calendar"))
        }
    }
}

extension Notation where Value == Int {
    private static func whole(
        _ seconds: Int, _ range: ClosedRange<Duration>, expected: String, _ accept: @escaping (Int) -> Bool
    ) -> Notation {
        let duration = Notation<Duration>.duration(range)
        return Notation(expected, write: { Notation<Duration>.text(of: .seconds($0 * seconds)) }) { text in
            switch duration.read(text) {
            case .failure(let complaint): return .failure(Complaint(what: complaint.what, mend: complaint.mend))
            case .success(let read):
                let whole = Int(read.components.seconds)
                guard read == .seconds(whole), whole.isMultiple(of: seconds), accept(whole / seconds) else {
                    return .failure(Complaint(what: "\(text) won't do"))
                }
                return .success(whole / seconds)
            }
        }
    }

    /// Whole days.
    static var days: Notation {
        whole(86_400, .seconds(86_400) ... .seconds(3650 * 86_400), expected: "whole days, such as 90d") { _ in true }
    }

    /// In seconds, as CloudWatch takes it.
    static var alarmPeriod: Notation {
        whole(1, .seconds(10) ... .seconds(86_400), expected: "10s, 30s or whole minutes up to 1d") {
            $0 == 10 || $0 == 30 || $0.isMultiple(of: 60)
        }
    }
}
