package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.EngineThread;
import dev.hydra.inference.Sampling;
import dev.hydra.libtorch.runtime.DeviceStart;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Talks with a model. */
@Command(
    name = "chat",
    description = {
      "Talks with a model, in its own chat template.",
      "Each line of the input is a message; /help lists commands. Ctrl-C stops an answer."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ChatCommand implements Callable<Integer>, LessMemory {
  private static final int INTERRUPTED = 130;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private DecodingPrecision precision;
  @Mixin private AveragesOption averages;

  @Parameters(
      paramLabel = "MODEL",
      description = "A run folder, a checkpoint or an imported model.")
  private Path folder;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value of the configuration. May be given several times.")
  private List<String> overrides = List.of();

  @Option(names = "--system", paramLabel = "TEXT", description = "What the model is to be.")
  private @Nullable String system;

  @Option(
      names = "--template",
      paramLabel = "FILE",
      description = "A chat template in Jinja, in place of the model's own.")
  private @Nullable Path template;

  @Option(
      names = {"-n", "--max-tokens"},
      paramLabel = "N",
      description = "The most tokens of an answer (default: ${DEFAULT-VALUE}).")
  private int maxTokens = 1024;

  @Option(
      names = "--max-context",
      paramLabel = "N",
      description = "The most tokens of a conversation (default: ${DEFAULT-VALUE}).")
  private int context = EngineLimits.DEFAULT.context();

  @Mixin private SamplingArguments sampling;

  ChatCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with " + precision.less() + "smaller --max-context and --max-tokens.";
  }

  @Override
  public Integer call() throws IOException {
    if (maxTokens < 1 || context < 1) {
      throw new UsageException("--max-tokens and --max-context must be at least 1");
    }
    Sampling settings = sampling.sampling(spec);
    try (DeviceStart starting = deviceArgument.begin();
        LoadedModel loaded =
            LoadedModel.read(
                folder, overrides, template, averages, plugins, deviceArgument, precision)) {
      precision.warn(spec, "the model", loaded.model());
      NoEffect.warn(spec, overrides, "trainer", "optimizer");
      if (loaded.tokenizer().isEmpty()) {
        throw new UsageException("this model has no tokenizer, so there is nothing to talk with");
      }
      if (loaded.template().isEmpty()) {
        throw new UsageException(
            "this model has no chat template; name one with --template, or continue texts with"
                + " hydra generate");
      }
      int prefill = EngineLimits.prefillOn(loaded.model().placement().device());
      EngineLimits limits =
          new EngineLimits(1, 1, context, prefill, EngineLimits.DEFAULT.prefixBytes());
      PrintWriter out = spec.commandLine().getOut();
      PrintWriter err = spec.commandLine().getErr();
      try (EngineThread engine =
          new EngineThread(loaded.engine(limits, null, precision.quantization()), "hydra-engine")) {
        Conversation conversation =
            new Conversation(engine.engine(), loaded, settings, maxTokens, system);
        try (ChatInput in =
            Boolean.getBoolean("hydra.interactive")
                ? TerminalInput.open()
                : new LinesInput(System.in)) {
          in.onInterrupt(() -> interrupted(conversation))
              .ifPresent(why -> err.println("hydra: Ctrl-C ends the program: " + why));
          boolean answered = new ChatLoop(conversation, in, out, err).run();
          // At a terminal whoever was refused has seen it and gone on.
          return answered || in.interactive() ? 0 : 1;
        }
      }
    }
  }

  /** Ctrl-C stops the answer that is being made; where there is none it ends the program. */
  private static void interrupted(Conversation conversation) {
    if (!conversation.stop()) {
      System.exit(INTERRUPTED);
    }
  }
}
