package dev.hydra.cli;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** The top-level command. */
@Command(
    name = "hydra",
    description = "Composes hybrid language models from plugins, trains and runs them.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:failed",
      "2:wrong use or configuration",
      "130:interrupted (143: terminated), after writing a checkpoint"
    })
final class HydraCommand extends CommandGroup {
  private static final List<Class<?>> ALL =
      List.of(
          TrainCommand.class,
          EvalCommand.class,
          CompareCommand.class,
          ReportCommand.class,
          WatchCommand.class,
          ExperimentCommand.class,
          GenerateCommand.class,
          ChatCommand.class,
          ServeCommand.class,
          ScoreCommand.class,
          InspectCommand.class,
          TokenizerCommand.class,
          ImportCommand.class,
          ExportCommand.class,
          ConfigCommand.class,
          PluginsCommand.class,
          BenchCommand.class,
          DoctorCommand.class,
          GenerateCompletion.class,
          HelpCommand.class);

  /** Those that print what they find in the others. */
  private static final Set<Class<?>> LOOKING_AROUND =
      Set.of(GenerateCompletion.class, HelpCommand.class);

  /**
   * Returns the commands that arguments can mean. To prepare one takes time, for its options are
   * found by reflection, so it is the one that the first argument names, if there is such a one.
   */
  static List<Class<?>> meantBy(String... arguments) {
    Optional<Class<?>> first =
        ALL.stream()
            .filter(each -> arguments.length > 0 && name(each).equals(arguments[0]))
            .filter(each -> !LOOKING_AROUND.contains(each))
            .findFirst();
    return first.<List<Class<?>>>map(List::of).orElse(ALL);
  }

  private static String name(Class<?> command) {
    return command.getAnnotation(Command.class).name();
  }

  /** Set by bin/hydra, as LibTorch must know before it is loaded. */
  @Option(
      names = "--threads",
      paramLabel = "N",
      scope = ScopeType.INHERIT,
      description = "How many threads LibTorch computes with on the CPU.")
  void setThreads(int threads) {
    if (threads < 1) {
      throw new ParameterException(
          spec.commandLine(), "--threads is " + threads + ", but must be 1 or more");
    }
    if (!String.valueOf(threads).equals(System.getProperty("hydra.threads"))) {
      throw new ParameterException(
          spec.commandLine(),
          "--threads needs bin/hydra; without it, set OMP_NUM_THREADS=" + threads);
    }
  }
}
