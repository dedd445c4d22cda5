import ArgumentParser

@main
struct Sallyport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sallyport", abstract: "A security edge for SIP.",
        subcommands: [
            ServeCommand.self, CheckCommand.self, DemoCommand.self, CallCommand.self, CallsCommand.self,
            SubscriberCommand.self,
            AllowCommand.self,
            ExpertCommand.self, CertCommand.self, WitnessCommand.self,
        ])
}
