internal import Foundation

/// Which account, region and addresses: what the perimeter file says, then the environment, then the profile.
struct AWSSettings: Sendable {
    let region: String
    /// Given by the file; beats the environment's keys.
    let namedProfile: String?
    /// For all services; beats what the environment says.
    let endpoint: String?
    let surroundings: Surroundings
    /// The one whose values count.
    let profile: String
    let profiles: SharedProfiles
    /// The names of the shared files, for messages.
    let files: String

    /// - Parameters:
    ///   - region: `provider.aws.region` of the perimeter file; nil: the environment's, or the profile's.
    ///   - profile: `provider.aws.profile`.
    ///   - endpoint: `provider.aws.endpoint`, such as `http://127.0.0.1:5005`.
    /// - Throws: when a shared file can't be read, the profile is in neither, there is no region, or an endpoint is no URL.
    init(
        region: String? = nil, profile: String? = nil, endpoint: String? = nil, in surroundings: Surroundings
    ) throws(AWSError) {
        self.surroundings = surroundings
        namedProfile = profile
        let credentials = surroundings.variable("AWS_SHARED_CREDENTIALS_FILE") ?? "~/.aws/credentials"
        let config = surroundings.variable("AWS_CONFIG_FILE") ?? "~/.aws/config"
        files = "\(credentials) and \(config)"
        profiles = SharedProfiles(
            credentials: try Self.text(credentials, surroundings), config: try Self.text(config, surroundings))
        let asked = profile ?? surroundings.variable("AWS_PROFILE")
        self.profile = asked ?? "default"
        if let asked, !profiles.contains(asked) {
            let there = profiles.names.isEmpty ? "no profiles" : "only \(profiles.names.joined(separator: ", "))"
            throw AWSError(
                code: AWSError.Code.badSettings, "there is no profile '\(asked)': \(files) have \(there)",
                place: profile == nil ? "AWS_PROFILE" : "profile", advice: "name one of these, or add it")
        }
        self.endpoint = endpoint
        let found =
            region ?? surroundings.variable("AWS_REGION") ?? surroundings.variable("AWS_DEFAULT_REGION")
            ?? profiles.value("region", of: self.profile)
        guard let found, !found.isEmpty else {
            throw AWSError(
                code: AWSError.Code.badSettings, "no region is given", place: "region",
                advice: "set region in the perimeter file, AWS_REGION, or region in the profile")
        }
        // It becomes a part of host names.
        guard found.utf8.allSatisfy({ Self.isNameByte($0) }) else {
            throw AWSError(
                code: AWSError.Code.badSettings, "'\(found)' is no name of a region", place: "region",
                advice: "write it like us-east-1")
        }
        self.region = found
        for service in AWSService.allCases { _ = try address(of: service) }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "-")
    }

    private static func text(_ path: String, _ surroundings: Surroundings) throws(AWSError) -> String {
        let whole = path.hasPrefix("~/") ? surroundings.home + path.dropFirst() : path
        guard FileManager.default.fileExists(atPath: whole) else { return "" }
        do {
            return try String(contentsOfFile: whole, encoding: .utf8)
        } catch {
            throw AWSError(
                code: AWSError.Code.badSettings, "can't be read: \(error.localizedDescription)", place: path,
                advice: "check its mode, and that it is UTF-8")
        }
    }

    /// Where a service is, and whether that is its usual address.
    struct Address: Hashable, Sendable {
        /// `https` or `http`.
        let scheme: String
        /// With the port, unless it is the scheme's own.
        let host: String
        /// Without a slash at its end; nearly always empty.
        let path: String
        let isUsual: Bool
    }

    func address(of service: AWSService) throws(AWSError) -> Address {
        guard let given = givenEndpoint(service) else {
            let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
            return Address(scheme: "https", host: "\(service.hostPrefix).\(region).\(suffix)", path: "", isUsual: true)
        }
        guard let parts = URLComponents(string: given.url), let scheme = parts.scheme, let host = parts.host,
            ["http", "https"].contains(scheme), !host.isEmpty, parts.user == nil, parts.query == nil
        else {
            throw AWSError(
                code: AWSError.Code.badSettings, "'\(given.url)' is no address of a service", place: given.place,
                advice: "write it like http://127.0.0.1:5005")
        }
        let ownPort = scheme == "https" ? 443 : 80
        let port = parts.port.flatMap { $0 == ownPort ? nil : ":\($0)" } ?? ""
        let path = parts.path.hasSuffix("/") ? String(parts.path.dropLast()) : parts.path
        return Address(scheme: scheme, host: host + port, path: path, isUsual: false)
    }

    private func givenEndpoint(_ service: AWSService) -> (url: String, place: String)? {
        if let endpoint { return (endpoint, "endpoint") }
        if surroundings.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?.lowercased() == "true" { return nil }
        for name in ["AWS_ENDPOINT_URL_\(service.variableSuffix)", "AWS_ENDPOINT_URL"] {
            if let url = surroundings.variable(name) { return (url, name) }
        }
        return profiles.value("endpoint_url", of: profile).map { ($0, "endpoint_url of profile \(profile)") }
    }
}
