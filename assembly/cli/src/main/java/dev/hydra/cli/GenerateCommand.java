package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.FinishReason;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.libtorch.runtime.DeviceStart;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Continues text with a trained model. */
@Command(
    name = "generate",
    description = {
      "Continues a prompt with a trained model, token by token with state.",
      "Ctrl-C ends the text where it is, with exit code 130."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class GenerateCommand implements Callable<Integer>, LessMemory {
  private static final int INTERRUPTED = 130;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ModelFolder folder;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private DecodingPrecision precision;
  @Mixin private SwapFolder swaps;

  @Mixin private PromptArguments promptArguments;

  @Option(
      names = {"-n", "--max-tokens"},
      paramLabel = "N",
      description = "How many tokens to draw (default: ${DEFAULT-VALUE}).")
  private int maxTokens = 256;

  @Mixin private SamplingArguments samplingArguments;

  @Option(
      names = "--ignore-eos",
      description = "Goes on after tokens that end a text (default: it ends there).")
  private boolean ignoreEos;

  @Option(names = "--echo", description = "Prints the prompt, too.")
  private boolean echo;

  @Option(names = "--json", description = "One JSON object with tokens and text.")
  private boolean json;

  GenerateCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with " + precision.less() + "a shorter prompt or fewer --max-tokens.";
  }

  @Override
  public Integer call() throws IOException {
    promptArguments.check();
    if (maxTokens < 1) {
      throw new UsageException("--max-tokens must be at least 1");
    }
    Sampling sampling = samplingArguments.sampling(spec);
    try (DeviceStart starting = deviceArgument.begin()) {
      return generate(sampling);
    }
  }

  /** Reads all that needs no LibTorch first, as the device is being started. */
  private int generate(Sampling sampling) throws IOException {
    Checkpoint checkpoint = folder.checkpoint();
    Config config = folder.config(checkpoint);
    folder.warnUnread(spec, "trainer", "optimizer");
    Optional<Tokenizer> tokenizer = ModelFolder.tokenizer(checkpoint, config, plugins.registry());
    int[] start = promptArguments.tokens(tokenizer.orElse(null));
    GenerationSettings settings = GenerationSettings.read(ConfigFiles.part(config, "generation"));
    Set<Integer> end = LoadedModel.endTokens(settings, tokenizer);
    if (end.isEmpty()) {
      NoEffect.warn(spec, "--ignore-eos", "the model has no token that ends a text");
    }
    Request request = new Request(start, maxTokens, sampling, ignoreEos ? Set.of() : end);
    Device device = deviceArgument.device();
    try (Model model = folder.load(checkpoint, config, plugins, precision.on(device))) {
      NotFiniteException.checkWeights(model);
      precision.warn(spec, "the model", model);
      int vocabulary = tokenizer.map(Tokenizer::vocabSize).orElse(model.spec().vocabSize());
      TextGenerator generator =
          new TextGenerator(model, vocabulary, settings).quantized(precision.quantization());
      try (Interrupt interrupt = new Interrupt(spec.commandLine().getErr()::println, "ending")) {
        Printed printed = new Printed(start, tokenizer.orElse(null));
        FinishReason reason =
            swaps.during(
                model,
                config,
                plugins,
                spec,
                swapper ->
                    usage(
                        () ->
                            swapper
                                .map(generator::swapping)
                                .orElse(generator)
                                .generate(request, interrupt::requested, printed)));
        printed.finish();
        interrupt.safe();
        return reason == FinishReason.CANCELLED ? INTERRUPTED : 0;
      }
    }
  }

  private static <T> T usage(Supplier<T> action) {
    try {
      return action.get();
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  /** Prints tokens as they are drawn, or all of them at the end. */
  private final class Printed implements IntPredicate {
    private final int[] prompt;
    private final PrintWriter out = spec.commandLine().getOut();
    private final TokenOutput output;
    private final List<Integer> drawn = new ArrayList<>();
    private final GenerationSpeed speed;

    Printed(int[] prompt, @Nullable Tokenizer tokenizer) {
      this.prompt = prompt;
      this.output = new TokenOutput(tokenizer, json ? null : out);
      if (echo && !json) {
        Arrays.stream(prompt).forEach(output::accept);
      }
      this.speed =
          new GenerationSpeed(
              System::nanoTime, () -> ManagementFactory.getRuntimeMXBean().getUptime());
    }

    /** Takes a token; says whether anybody still reads. */
    @Override
    public boolean test(int token) {
      drawn.add(token);
      speed.drawn();
      output.accept(token);
      return !out.checkError();
    }

    void finish() throws IOException {
      Optional<String> text = output.finish();
      if (json) {
        Map<String, Object> line = new LinkedHashMap<>();
        if (echo) {
          line.put("prompt", Arrays.stream(prompt).boxed().toList());
        }
        line.put("tokens", drawn);
        text.ifPresent(known -> line.put("text", known));
        out.println(Json.line(line));
      } else {
        out.println();
      }
      speed.report().ifPresent(spec.commandLine().getErr()::println);
    }
  }
}
