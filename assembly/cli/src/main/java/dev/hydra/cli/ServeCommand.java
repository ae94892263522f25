package dev.hydra.cli;

import dev.hydra.cli.common.ModelDescription;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.page.LivePage;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.swap.SwappableModel;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelComposition;
import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.EngineThread;
import dev.hydra.libtorch.runtime.DeviceStart;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.serve.AccessRules;
import dev.hydra.serve.ApiServer;
import dev.hydra.serve.SendTimeout;
import dev.hydra.serve.ServedModel;
import dev.hydra.serve.ServerSettings;
import dev.hydra.serve.WebPage;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Serves models over HTTP. */
@Command(
    name = "serve",
    description = {
      "Serves models over HTTP in the protocol of OpenAI: /v1/models, /v1/completions,"
          + " /v1/chat/completions, and /tokenize, /detokenize, /tokenizer_info, /health,"
          + " /metrics. In a browser, / is a page to chat on, which shows what the model looks at.",
      "With --swap-dir, components are swapped and configured there, and swaps rolled back, with"
          + " the owner's key, which is told on standard error.",
      "The first line of the output is: listening on http://HOST:PORT",
      "Ctrl-C lets answers go on for --grace seconds, then ends."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class ServeCommand implements Callable<Integer>, LessMemory {
  private static final long LOOK_AGAIN_MILLIS = 100;

  /** The tokens at which the FLOPs of a model are told. */
  private static final long SEQUENCE = 1024;

  private static final long LONGEST_UNREAD = 86_400;

  private final PluginJars plugins;

  @Spec private CommandSpec spec;
  @Mixin private DeviceArgument deviceArgument;
  @Mixin private DecodingPrecision precision;
  @Mixin private AveragesOption averages;
  @Mixin private EngineArguments engine;
  @Mixin private ListenArguments listen = new ListenArguments(8000);
  @Mixin private SwapFolder swaps;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "[NAME=]DIR",
      description =
          "A run folder, a checkpoint or an imported model, and the name to serve it under"
              + " (default: that of the folder). May be given several times.")
  private List<String> folders;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value of the models' configuration. May be given several times.")
  private List<String> overrides = List.of();

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "What clients must send as Authorization: Bearer KEY. Others on this machine can read it"
              + " off the list of processes; the variable HYDRA_API_KEY they cannot (default: that"
              + " variable, or none).")
  private @Nullable String key;

  @Option(
      names = "--template",
      paramLabel = "FILE",
      description = "A chat template in Jinja, in place of the models' own.")
  private @Nullable Path template;

  @Option(
      names = "--max-body",
      paramLabel = "MIB",
      description = "The most MiB of a request (default: ${DEFAULT-VALUE}).")
  private int body = 16;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      description = "How long answers may go on after Ctrl-C (default: ${DEFAULT-VALUE}).")
  private int grace = 10;

  @Option(
      names = "--send-timeout",
      paramLabel = "SECONDS",
      description =
          "How long a client may leave unread what it is sent; then its connection and its texts"
              + " are ended (default: ${DEFAULT-VALUE}).")
  private long unread = SendTimeout.USUAL.toSeconds();

  ServeCommand(PluginJars plugins) {
    this.plugins = plugins;
  }

  @Override
  public String lessMemory(OutOfMemory refused) {
    return "Less is taken with "
        + precision.less()
        + "fewer models, and smaller --max-sessions, --max-context, --prefill and --prefix-cache.";
  }

  @Override
  public Integer call() throws IOException {
    ServerSettings settings = settings();
    Map<String, Path> named = named();
    if (swaps.named() && named.size() > 1) {
      throw new UsageException("--swap-dir is for one model; serve one only, or leave it out");
    }
    engine.check();
    NoEffect.warn(spec, overrides, "trainer", "optimizer");
    Deque<AutoCloseable> open = new ArrayDeque<>();
    try (DeviceStart starting = deviceArgument.begin();
        Interrupt interrupt =
            new Interrupt(spec.commandLine().getErr()::println, "ending after the answers")) {
      try {
        List<ServedModel> models = new ArrayList<>();
        for (Map.Entry<String, Path> each : named.entrySet()) {
          models.add(served(each.getKey(), each.getValue(), open));
        }
        serve(settings, models, interrupt);
        interrupt.safe();
      } finally {
        close(open);
      }
    }
    return 0;
  }

  private ServedModel served(String name, Path folder, Deque<AutoCloseable> open)
      throws IOException {
    LoadedModel loaded =
        LoadedModel.read(folder, overrides, template, averages, plugins, deviceArgument, precision);
    open.push(loaded);
    precision.warn(spec, name, loaded.model());
    if (loaded.tokenizer().isEmpty()) {
      NoEffect.warn(spec, "--template", name + " has no tokenizer, so nobody can chat with it");
    }
    EngineLimits limits = engine.limits(loaded.model().placement().device());
    SwappableModel swappable = swaps.open(loaded.model(), loaded.config(), plugins, spec);
    if (swappable != null) {
      open.push(swappable);
    }
    EngineThread thread =
        new EngineThread(
            loaded.engine(
                limits, swappable == null ? null : swappable.swapper(), precision.quantization()),
            "hydra-engine-" + name);
    open.push(thread);
    Path weights = loaded.checkpoint().file(Checkpoint.MODEL);
    return new ServedModel(
        name,
        thread,
        loaded.tokenizer(),
        loaded.template(),
        loaded.endTokens(),
        ChatFiles.tokenizerInfo(loaded.checkpoint().folder()),
        composition(loaded.model(), swappable),
        Optional.ofNullable(swappable).map(SwappableModel::changes),
        Files.getLastModifiedTime(weights).toInstant().getEpochSecond());
  }

  /** Tells what a model is composed of, which swaps may change. */
  private static Supplier<Map<String, Object>> composition(
      Model model, @Nullable SwappableModel swappable) {
    if (swappable != null) {
      return () -> ModelDescription.json(swappable.swapper().composition(SEQUENCE));
    }
    Map<String, Object> always = ModelDescription.json(ModelComposition.of(model, SEQUENCE));
    return () -> always;
  }

  private void serve(ServerSettings settings, List<ServedModel> models, Interrupt interrupt)
      throws IOException {
    Supplier<WebPage> page = () -> LivePage.read(ServeCommand.class, "chat");
    try (ApiServer server =
        new ApiServer(settings, models, page, spec.commandLine().getErr()::println)) {
      spec.commandLine().getOut().println("listening on " + server.address());
      settings
          .ownersKey()
          .map(owners -> "to change the model there: " + server.address() + "/#key=" + owners)
          .ifPresent(spec.commandLine().getErr()::println);
      while (!interrupt.requested()) {
        Thread.sleep(LOOK_AGAIN_MILLIS);
      }
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void close(Deque<AutoCloseable> open) {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private ServerSettings settings() {
    if (body < 1 || body > 1024) {
      throw new UsageException("--max-body is " + body + ", but must be between 1 and 1024");
    }
    if (grace < 0) {
      throw new UsageException("--grace must be at least 0");
    }
    if (unread < 1 || unread > LONGEST_UNREAD) {
      throw new UsageException(
          "--send-timeout is " + unread + ", but must be between 1 and " + LONGEST_UNREAD);
    }
    return new ServerSettings(
        listen.host(),
        listen.port(),
        ListenArguments.key(key),
        swaps.named() ? Optional.of(AccessRules.madeUpKey()) : Optional.empty(),
        body << 20,
        ServerSettings.LOCAL.slowest(),
        Duration.ofSeconds(grace),
        Duration.ofSeconds(unread));
  }

  private Map<String, Path> named() {
    Map<String, Path> named = new LinkedHashMap<>();
    for (String each : folders) {
      int equals = each.indexOf('=');
      boolean hasName = equals > 0 && !Files.exists(Path.of(each));
      Path folder = Path.of(hasName ? each.substring(equals + 1) : each);
      String name =
          hasName
              ? each.substring(0, equals)
              : String.valueOf(folder.toAbsolutePath().normalize().getFileName());
      if (named.put(name, folder) != null) {
        throw new UsageException(
            "two models are named " + name + "; name them: --model NAME=" + folder);
      }
    }
    return named;
  }
}
