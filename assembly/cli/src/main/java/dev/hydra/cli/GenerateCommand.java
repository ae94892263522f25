package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
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
    description = "Continues a prompt with a trained model, token by token with state.",
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class GenerateCommand implements Callable<Integer>, LessMemory {
  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private ModelFolder folder;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private PrecisionArgument precision;
  @Mixin private SwapFolder swaps;

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      description = "What to continue; - reads standard input (default: a line break).")
  private @Nullable String prompt;

  @Option(
      names = "--prompt-file",
      paramLabel = "FILE",
      description = "A file of what to continue, in UTF-8, taken whole.")
  private @Nullable String promptFile;

  @Option(
      names = "--tokens",
      paramLabel = "[ID,...]|FILE|-",
      description =
          "What to continue: a JSON array of token ids, a file with one, or - for standard"
              + " input.")
  private @Nullable String tokens;

  @Option(
      names = {"-n", "--max-tokens"},
      paramLabel = "N",
      description = "How many tokens to draw (default: ${DEFAULT-VALUE}).")
  private int maxTokens = 256;

  @Mixin private SamplingArguments samplingArguments;

  @Option(names = "--echo", description = "Prints the prompt, too.")
  private boolean echo;

  @Option(names = "--json", description = "One JSON object with tokens and text.")
  private boolean json;

  GenerateCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory() {
    return "Less is taken with --precision bf16, a shorter prompt or fewer --tokens.";
  }

  @Override
  public Integer call() throws IOException {
    if (Stream.of(prompt, promptFile, tokens).filter(Objects::nonNull).count() > 1) {
      throw new UsageException("give either --prompt or --tokens or --prompt-file");
    }
    if (maxTokens < 0) {
      throw new UsageException("--max-tokens must be at least 0");
    }
    Sampling sampling = samplingArguments.sampling();
    Checkpoint checkpoint = folder.checkpoint();
    Config config = folder.config(checkpoint);
    Tokenizer tokenizer =
        ModelFolder.tokenizer(checkpoint, config, plugins.registry()).orElse(null);
    int[] start = start(tokenizer);
    GenerationSettings settings = GenerationSettings.read(ConfigFiles.part(config, "generation"));
    Device device = deviceArgument.device();
    PrintWriter out = spec.commandLine().getOut();
    try (Model model = folder.load(checkpoint, config, plugins, device, precision.on(device))) {
      NotFiniteException.checkWeights(model);
      List<Integer> drawn = new ArrayList<>();
      TokenOutput output = new TokenOutput(tokenizer, json ? null : out);
      GenerationSpeed speed = new GenerationSpeed(System::nanoTime);
      if (echo && !json) {
        Arrays.stream(start).forEach(output::accept);
      }
      int vocabulary = tokenizer == null ? model.spec().vocabSize() : tokenizer.vocabSize();
      TextGenerator generator = new TextGenerator(model, vocabulary, settings);
      swaps.during(
          model,
          config,
          plugins,
          spec,
          swapper ->
              usage(
                  () -> {
                    swapper
                        .map(generator::swapping)
                        .orElse(generator)
                        .generate(
                            start,
                            maxTokens,
                            sampling,
                            token -> {
                              drawn.add(token);
                              speed.drawn();
                              output.accept(token);
                              return !out.checkError();
                            });
                    return drawn;
                  }));
      Optional<String> text = output.finish();
      if (json) {
        Map<String, Object> line = new LinkedHashMap<>();
        if (echo) {
          line.put("prompt", Arrays.stream(start).boxed().toList());
        }
        line.put("tokens", drawn);
        text.ifPresent(known -> line.put("text", known));
        out.println(Json.line(line));
      } else {
        out.println();
      }
      speed.report().ifPresent(spec.commandLine().getErr()::println);
    }
    return 0;
  }

  private int[] start(@Nullable Tokenizer tokenizer) throws IOException {
    if (tokens != null) {
      boolean elsewhere =
          tokens.equals(TextArgument.STDIN)
              || (!tokens.contains("[") && Files.exists(Path.of(tokens)));
      return elsewhere
          ? TokenIds.row("--tokens " + tokens, TextArgument.read(tokens, System.in))
          : TokenIds.row("--tokens", tokens);
    }
    if (tokenizer == null) {
      throw new UsageException("this model has no tokenizer; give --tokens, not --prompt");
    }
    return tokenizer.encodePrompt(text());
  }

  private String text() throws IOException {
    if (promptFile != null) {
      return TextArgument.read(promptFile, System.in);
    }
    if (prompt == null) {
      return "\n";
    }
    return prompt.equals(TextArgument.STDIN) ? TextArgument.read(prompt, System.in) : prompt;
  }

  private static <T> T usage(java.util.function.Supplier<T> action) {
    try {
      return action.get();
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }
}
