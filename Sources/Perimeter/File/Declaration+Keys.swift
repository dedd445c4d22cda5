package import SettingsFile

extension Declaration: Section {
    package mutating func fill(_ form: Form) {
        form.list("admin", &admin, .network)
        form.list("never_cut_off", &neverCutOff, .network)
        form.section("provider", &provider)
        form.table("roles", &rolesByName) { name, _ in Role(name: name) }
        form.list("private_ports", &privatePorts, .ports)
        form.list("admin_ports", &adminPorts, .ports)
        form.sections("buckets", &buckets, blank: Bucket())
        form.sections("alarms", &alarms, blank: Alarm())
        form.sections("exceptions", &exceptions, blank: Exception())
    }
}

extension Declaration.Provider: Section {
    package mutating func fill(_ form: Form) {
        form.section("aws", &aws, blank: Declaration.AWS())
        form.section("nftables", &nftables, blank: Declaration.NFTables())
        if (aws == nil) == (nftables == nil) {
            form.complain(
                nil, "names \(aws == nil ? "nobody" : "two") to carry out the rules",
                mend: "write either 'aws' or 'nftables' under it")
        }
    }
}

extension Declaration.AWS: Section {
    package mutating func fill(_ form: Form) {
        form.optional("region", &region, .name)
        form.required("vpc", &vpc, .name)
        form.optional("profile", &profile, .word)
        form.optional("endpoint", &endpoint, .url(schemes: ["https", "http"]))
    }
}

extension Declaration.NFTables: Section {
    package mutating func fill(_ form: Form) {
        form.required("role", &role, .name)
        form.value("table", &table, .name)
    }
}

extension Role: Section {
    package mutating func fill(_ form: Form) {
        form.required("group", &group, .word)
        form.section("members", &members)
        form.sections("allow", &allow, blank: Allowance())
    }
}

extension Role.Members: Section {
    package mutating func fill(_ form: Form) {
        form.values("tag", &tag, named: .word, .word)
        form.list("instances", &instances, .word)
        form.list("rds", &rds, .word)
        form.list("elasticache", &elasticache, .word)
        form.list("addresses", &addresses, .network)
    }
}

extension Role.Allowance: Section {
    package mutating func fill(_ form: Form) {
        form.list("port", &ports, .ports)
        form.list("protocol", &protocols, .transportProtocol)
        form.list("from", &from, .origin)
        form.value("why", &why, .reason)
        for (key, expected) in [
            ("protocol", "tcp, udp, or [tcp, udp]"), ("from", Notation<Role.Origin>.origin.expected),
        ] where !form.has(key) {
            form.complain(key, "is missing", mend: "add it: \(expected)")
        }
        if !form.has("port"), let needy = protocols.first(where: \.hasPorts) {
            form.complain("port", "is missing, and \(needy) has ports", mend: "add one such as 22, or 0-65535 for all")
        }
        if !ports.isEmpty, let other = protocols.first(where: { !$0.hasPorts }) {
            form.complain("port", "\(other) has no ports", mend: "leave it out, or give \(other) a line of its own")
        }
    }
}

extension Declaration.Bucket: Section {
    package mutating func fill(_ form: Form) {
        form.required("name", &name, .name)
        form.value("public_access", &publicAccess, .choice())
        form.value("encryption", &encryption, .choice())
        form.value("versioning", &versioning, .boolean)
        form.optional("expire_after", &expireAfterDays, .days)
        form.optional("expire_old_versions_after", &expireOldVersionsAfterDays, .days)
        if expireOldVersionsAfterDays != nil, !versioning {
            form.complain(
                "expire_old_versions_after", "there are no old versions without versioning",
                mend: "set versioning to true, or leave this out")
        }
    }
}

extension Declaration.Alarm: Section {
    package mutating func fill(_ form: Form) {
        form.required("name", &name, .word)
        form.required("metric", &metric, .word)
        form.required("namespace", &namespace, .word)
        form.values("dimensions", &dimensions, named: .word, .word)
        form.required("threshold", &threshold, .number(-1e15...1e15))
        form.value("period", &periodSeconds, .alarmPeriod)
        form.optional("statistic", &statistic, .choice())
        form.list("notify", &notify, .word)
    }
}

extension Declaration.Exception: Section {
    package mutating func fill(_ form: Form) {
        form.required("finding", &finding, .choice())
        form.optional("group", &group, .word)
        form.optional("role", &role, .name)
        form.required("reason", &reason, .reason)
        form.optional("until", &until, .date)
        if !form.has("until") {
            form.complain("until", "is missing", mend: "add the last day of the exception, such as 2027-01-31")
        }
    }
}
