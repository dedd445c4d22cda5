import ArgumentParser

@main
struct Sallyport: AsyncParsableCommand {
    static let version = "0.6"

    static let configuration = CommandConfiguration(
        commandName: "sallyport", abstract: "A security edge for SIP.", version: version,
        subcommands: [
            ServeCommand.self, CheckCommand.self, DemoCommand.self, CallCommand.self, CallsCommand.self,
            ExplainCommand.self,
            SubscriberCommand.self, AllowCommand.self, ExpertCommand.self, BanCommand.self, KeyCommand.self,
            ImportCommand.self,
            CertCommand.self, WitnessCommand.self, PerimeterCommand.self,
        ])
}
