import Foundation

/// moto, a server that behaves like AWS, on a free port of loopback and with its signature checks on: what is signed
/// wrongly or with another secret is refused.
///
/// Where moto (5.2.1) is not as AWS is, in what these tests touch, and what is done about it here:
/// - Descriptions of rules from groups and prefix lists are not told, make two rules of one, and can't be changed; none can
///   be taken away. Mended by `server` below, as plans are carried out until nothing differs.
/// - DescribeCacheClusters tells nothing of security groups, and neither ModifyCacheCluster nor ModifyReplicationGroup is
///   there (NotImplemented): groups of caches are tested with `FakeService` of PerimeterAWSTests.
/// - An interface has the groups that it was given and those of its instance, which are kept apart: either of
///   ModifyInstanceAttribute and ModifyNetworkInterfaceAttribute changes one half.
/// - AuthorizeSecurityGroupIngress of a protocol by its number, without ports, answers 500 and is done all the same.
/// - DeleteSecurityGroup doesn't mind who carries a group or refers to it: see `DelayTests` there.
/// - Changes are seen at once, and listings have one page: see `DelayTests` and `ClientTests`.
/// - The body of a form is signed as Python would encode it anew, with a plus sign for a blank.
/// - S3's checksums are taken unseen, and GetBucketVersioning answers with another root element than S3.
public final class Moto: Sendable {
    public let port: UInt16
    /// The secret access key of a user who may do everything, and its name.
    public let accessKeyID: String
    public let secretAccessKey: String
    private let directory: String
    private let process: ChildProcess

    public var url: String { "http://127.0.0.1:\(port)" }

    public init() async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("moto-\(UUID().uuidString)").path
        port = try FreePort.next()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(Self.server.utf8).write(to: URL(fileURLWithPath: directory + "/server.py"))
        let process = try ChildProcess(
            "moto_server", PeerProgram.motoPython.require(), ["server.py", "-H", "127.0.0.1", "-p", "\(port)"],
            in: directory)
        self.process = process
        try await process.prints("Running on http://127.0.0.1:\(port)")
        try Data(Self.preamble.utf8).write(to: URL(fileURLWithPath: directory + "/moto_test.py"))
        let key = try Self.run(Self.user, in: directory, ["http://127.0.0.1:\(port)", "any", "any"])
        guard let id = key["id"] as? String, let secret = key["secret"] as? String else {
            throw Failure("the user of moto has no key: \(key)")
        }
        accessKeyID = id
        secretAccessKey = secret
    }

    private static let started = Task { try await Moto() }

    /// One that several tests share, each with networks and names of its own.
    public static func shared() async throws -> Moto { try await started.value }

    /// `kill -9`
    public func kill() async throws { try await process.kill() }

    deinit {
        process.send(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Runs lines of Python with `client(SERVICE)` of boto3 at hand, and this server behind it.
    /// - Returns: the dictionary that the lines have left in `result`.
    @discardableResult
    public func python(_ lines: String) throws -> [String: Any] {
        try Self.run(lines, in: directory, [url, accessKeyID, secretAccessKey])
    }

    private static func run(_ lines: String, in directory: String, _ arguments: [String]) throws -> [String: Any] {
        let name = "lines-\(UUID().uuidString).py"
        try Data("from moto_test import *\nresult = {}\n\(lines)\nprint(json.dumps(result))\n".utf8)
            .write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        let outcome = try Child.run(PeerProgram.motoPython.require(), [name] + arguments, in: directory)
        guard outcome.code == 0, let result = outcome.json as? [String: Any] else {
            throw Failure("boto3 fails: \(outcome.errors.suffix(2000))")
        }
        return result
    }

    private static let server = """
        import inspect, sys
        from moto.ec2.models import security_groups
        from moto.server import main

        Rule = security_groups.SecurityGroupRule
        make = Rule.__init__

        def init(self, *arguments, **named):
            given = inspect.signature(make).bind(self, *arguments, **named).arguments
            make(self, *arguments, **named)
            sources = (given.get("ip_range"), given.get("source_group"), given.get("prefix_list_id"))
            self.words = next((source["Description"] for source in sources if source and "Description" in source), None)
            self.source_group = {k: v for k, v in self.source_group.items() if k != "Description"}

        Rule.__init__ = init
        Rule.description = property(lambda rule: rule.words)

        def change(self, given, rule):
            rule.words = given.words

        [backend] = [
            kind for kind in vars(security_groups).values()
            if inspect.isclass(kind) and "_sg_update_description" in vars(kind)]
        backend._sg_update_description = change
        main(sys.argv[1:])

        """

    private static let preamble = """
        import json, os, sys, urllib.request
        # Nothing of the operator's own, and no proxy between loopback and loopback.
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                del os.environ[name]
        os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"
        import boto3
        url, key, secret = sys.argv[1:4]

        def client(service):
            return boto3.client(
                service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)

        """

    /// The last request turns the checks on.
    private static let user = """
        iam = client("iam")
        iam.create_user(UserName="operator")
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="operator", PolicyName="all", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName="operator")["AccessKey"]
        result = {"id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
        urllib.request.urlopen(urllib.request.Request(
            url + "/moto-api/reset-auth", data=b"0", method="POST", headers={"Content-Type": "text/plain"})).read()
        """
}
