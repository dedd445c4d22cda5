import ArgumentParser
import PerimeterNFTables

/// Where changes of this host's rules wait to be confirmed.
struct TrialDirectoryOption: ParsableArguments {
    @Option(
        name: .customLong("trial-in"),
        help: ArgumentHelp(
            "Where a change of this host's rules that waits to be confirmed is kept.", valueName: "directory"),
        completion: .directory)
    var directory = Trial.standardDirectory
}

/// How long new rules of this host are tried.
struct TrialOption: ParsableArguments {
    @Option(
        name: .customLong("confirm-within"),
        help: ArgumentHelp(
            "With nftables: undo the change unless it is confirmed within this time, by 'y' here or by 'sallyport perimeter "
                + "confirm' from a new session.", valueName: "time"),
        transform: { try duration($0, of: "--confirm-within", in: .zero ... .seconds(3600)) })
    var time = Duration.seconds(60)
    @Flag(
        name: .customLong("keep-unconfirmed"),
        help: "With nftables: keep the change though nobody confirms it; for machines that start, and for scripts.")
    var keepsUnconfirmed = false
    @OptionGroup var place: TrialDirectoryOption

    func validate() throws {
        if time == .zero, !keepsUnconfirmed {
            throw ValidationError(
                "--confirm-within 0s leaves no time to confirm: say --keep-unconfirmed if that is meant.")
        }
    }
}
