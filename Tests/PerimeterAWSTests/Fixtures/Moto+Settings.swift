import TestSupport

@testable import PerimeterAWS

extension Moto {
    /// Settings of a client of this server.
    func settings(_ test: TestSurroundings, secret: String? = nil) throws -> AWSSettings {
        try AWSSettings(
            region: "us-east-1", endpoint: url,
            in: test.surroundings([
                "AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secret ?? secretAccessKey,
            ]))
    }
}
