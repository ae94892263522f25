package dev.hydra.cli.swapbench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.PluginId;
import dev.hydra.api.Role;
import dev.hydra.bench.Fault;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.swap.SwapOrder;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Device;

/**
 * Shows that swaps do no harm: trainings of one model whose plugins are exchanged, in turn, for
 * copies that call themselves other versions, beside a training without swaps.
 */
public final class SwapBench {
  /**
   * Something that must hold.
   *
   * @param name what
   * @param passed whether it did
   * @param detail what was seen
   * @param answers to the requests that were made for it
   */
  public record Proof(String name, boolean passed, String detail, List<SwapTrial.Answer> answers) {}

  private static final int STEPS = 120;
  private static final int EVERY = 10;
  private static final String FAULTY = "faulty";
  private static final String HIDDEN = "hidden";

  private final Config config;
  private final CountedPlugins plugins;
  private final Device device;
  private final Path folder;
  private final List<PluginId> swapped;
  private final List<String> mixers;
  private final List<String> feedForwards;
  private final List<Double> plain;
  private int twins;
  private int runs;

  /**
   * Trains without swaps.
   *
   * @param folder for runs and jars
   */
  public SwapBench(Config config, CountedPlugins plugins, Device device, Path folder)
      throws IOException {
    this.config = config;
    this.plugins = plugins;
    this.device = device;
    this.folder = folder;
    SwapTrial first = trial(config, STEPS, step -> List.of());
    Map<SitePath, SwapReport.Version> sites = first.run();
    Set<PluginId> used = new LinkedHashSet<>();
    sites.values().forEach(version -> used.add(version.plugin()));
    swapped = List.copyOf(used);
    Components components = plugins.components(Map.of());
    mixers = paths(sites, components, Role.MIXER, factory -> true);
    if (mixers.isEmpty()) {
      throw new UsageException("the model has no mixer to put faulty ones in place of");
    }
    feedForwards =
        paths(
            sites,
            components,
            Role.FEED_FORWARD,
            factory -> factory.options().stream().anyMatch(o -> o.name().equals(HIDDEN)));
    plain = first.losses();
  }

  /** The sites where types of a role stand that something holds for. */
  private static List<String> paths(
      Map<SitePath, SwapReport.Version> sites,
      Components components,
      Role role,
      Predicate<ComponentFactory<?>> wanted) {
    Set<String> types = new LinkedHashSet<>();
    components.all().stream()
        .filter(
            each ->
                Components.factory(each).role() == role && wanted.test(Components.factory(each)))
        .forEach(each -> types.add(each.type()));
    List<String> paths = new ArrayList<>();
    sites.forEach(
        (path, version) -> {
          if (types.contains(version.type())) {
            paths.add(path.text());
          }
        });
    return paths;
  }

  /** Returns the plugins that are swapped. */
  public List<PluginId> swapped() {
    return swapped;
  }

  private SwapTrial trial(Config with, int steps, SwapTrial.Plan plan) {
    return new SwapTrial(with, plugins, device, folder.resolve("run-" + runs++), steps, plan);
  }

  /** A copy of one of the plugins in turn. */
  private Path twin() throws IOException {
    return twin(twins % swapped.size());
  }

  private Path twin(int index) throws IOException {
    twins++;
    return new PluginTwin(plugins.jar(swapped.get(index)))
        .write(folder.resolve("twin-" + twins + ".jar"), twins);
  }

  private Config guarded(int guardSteps) {
    return ConfigFactory.parseString("trainer.swap.guard-steps = " + guardSteps)
        .withFallback(config);
  }

  /** Swaps in the same code every 10 steps. */
  public Proof identical(int guardSteps) throws IOException {
    SwapTrial trial =
        trial(
            guarded(guardSteps),
            STEPS,
            step -> step > 0 && step % EVERY == 0 ? List.of(SwapOrder.of(twin())) : List.of());
    trial.run();
    return unchanged(
        "identical implementation every 10 steps, guard of " + guardSteps + " steps", trial);
  }

  /** All of them must have been made, without any effect on the losses. */
  private Proof unchanged(String name, SwapTrial trial) throws IOException {
    Optional<String> refusal =
        trial.answers().stream()
            .filter(answer -> !answer.switched())
            .map(SwapTrial.Answer::reason)
            .findFirst();
    boolean same = trial.losses().equals(plain);
    return new Proof(
        name,
        refusal.isEmpty() && same,
        trial.answers().size()
            + " swaps in "
            + STEPS
            + " steps"
            + refusal.map(reason -> ", one refused: " + reason).orElse("")
            + ", "
            + losses(same),
        trial.answers());
  }

  /** Where two trainings without swaps differ, nothing can be said of one with swaps. */
  private String losses(boolean same) throws IOException {
    if (same) {
      return "losses bit-identical to the run without swaps";
    }
    SwapTrial again = trial(config, STEPS, step -> List.of());
    again.run();
    return again.losses().equals(plain)
        ? "losses differ from the run without swaps"
        : "losses differ, but so do those of two runs without swaps on this device";
  }

  /**
   * Swaps in feed-forwards of another width every 10 steps: their parameters and the optimizer's
   * state of them begin anew, which costs more than carrying them over.
   */
  public Proof reshaped(int guardSteps) throws IOException {
    SwapTrial trial =
        trial(
            guarded(guardSteps),
            STEPS,
            step ->
                step > 0 && step % EVERY == 0 && !feedForwards.isEmpty()
                    ? List.of(width(step / EVERY % 2 == 0 ? 128 : 192))
                    : List.of());
    trial.run();
    long made = trial.answers().stream().filter(SwapTrial.Answer::switched).count();
    boolean finite = trial.losses().stream().allMatch(Double::isFinite);
    return new Proof(
        "other widths every 10 steps, guard of " + guardSteps + " steps",
        made > 0 && made == trial.answers().size() && finite,
        made
            + " of "
            + trial.answers().size()
            + " swaps at "
            + feedForwards.size()
            + " sites made, losses "
            + (finite ? "finite" : "NOT FINITE"),
        trial.answers());
  }

  private SwapOrder width(int hidden) {
    return new SwapOrder(
        Optional.empty(),
        feedForwards,
        HIDDEN + " = " + hidden,
        SwapRequest.UnexpectedKeys.DROP,
        SwapRequest.State.REFUSE,
        SwapRequest.LIMIT,
        false,
        false);
  }

  /** Makes two requests at once, for different plugins and for the same one. */
  public Proof together() throws IOException {
    int other = Math.min(1, swapped.size() - 1);
    SwapTrial trial =
        trial(
            config,
            STEPS,
            step ->
                step == EVERY || step == 2 * EVERY
                    ? List.of(SwapOrder.of(twin(0)), SwapOrder.of(twin(step == EVERY ? other : 0)))
                    : List.of());
    trial.run();
    return unchanged("two requests at once", trial);
  }

  /**
   * What must be refused.
   *
   * @param sign what the refusal must say
   */
  private record Unfit(String name, String sign, SwapOrder order) {}

  /**
   * Asks for everything that must be refused; the training goes on as if nothing had been asked
   * for.
   */
  public Proof refusals(Path brokenComponents) throws IOException {
    List<Unfit> unfit = unfit(brokenComponents);
    SwapTrial trial =
        trial(
            config,
            STEPS,
            step -> {
              int index = step - EVERY;
              return index >= 0 && index < unfit.size()
                  ? List.of(unfit.get(index).order())
                  : List.of();
            });
    trial.run();
    List<SwapTrial.Answer> answers = new ArrayList<>(trial.answers());
    List<Unfit> all = new ArrayList<>(unfit);
    for (String rule : List.of("trusted", "signers")) {
      Unfit next = new Unfit("not in plugins." + rule, "is not trusted", SwapOrder.of(twin()));
      all.add(next);
      SwapTrial trusting =
          trial(
              ConfigFactory.parseString("plugins." + rule + " = []").withFallback(config),
              2,
              step -> step == 1 ? List.of(next.order()) : List.of());
      trusting.run();
      answers.addAll(trusting.answers());
    }
    int passed = 0;
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < all.size(); i++) {
      SwapTrial.Answer answer = answers.get(i);
      boolean right = !answer.switched() && answer.reason().contains(all.get(i).sign());
      passed += right ? 1 : 0;
      lines
          .append(right ? "\n    " : "\n    NOT AS IT SHOULD BE: ")
          .append(all.get(i).name() + ": " + answer.json().get("status") + ", " + answer.reason());
    }
    boolean same = trial.losses().equals(plain);
    return new Proof(
        "refusals leave the run untouched",
        passed == all.size() && same,
        passed + " of " + all.size() + " refused, " + losses(same) + lines,
        List.of());
  }

  private List<Unfit> unfit(Path brokenComponents) throws IOException {
    List<Unfit> unfit = new ArrayList<>();
    for (Fault fault : Fault.values()) {
      Path jar = folder.resolve(fault.label() + ".jar");
      fault.write(brokenComponents, jar, FAULTY);
      unfit.add(new Unfit(fault.label(), fault.sign(), faulty(jar)));
    }
    byte[] bytes = Files.readAllBytes(twin());
    Path half = folder.resolve("half.jar");
    Files.write(half, Arrays.copyOf(bytes, bytes.length / 2));
    unfit.add(new Unfit("half-copied", "is not an intact jar", SwapOrder.of(half)));
    for (int i = bytes.length / 3; i < bytes.length / 2; i++) { // a time alone would be believed
      bytes[i] ^= 1;
    }
    Path damaged = Files.write(folder.resolve("damaged.jar"), bytes);
    unfit.add(new Unfit("damaged", "is not an intact jar", SwapOrder.of(damaged)));
    Path same = plugins.jar(swapped.get(0));
    unfit.add(new Unfit("same version", "is running already", SwapOrder.of(same)));
    return unfit;
  }

  private SwapOrder faulty(Path jar) {
    return new SwapOrder(
        Optional.of(jar),
        mixers,
        "type = " + FAULTY,
        SwapRequest.UnexpectedKeys.DROP,
        SwapRequest.State.REFUSE,
        Duration.ofSeconds(1),
        false,
        false);
  }

  /** Swaps many times in one run, with a look at what they leave behind. */
  public Proof many(int swaps, Consumer<Census> progress) throws IOException {
    List<Census> seen = new ArrayList<>();
    int needed = swapped.size() + 1; // what the guard could go back to
    SwapTrial trial =
        trial(
            config,
            swaps + 2,
            step -> {
              if (step > 0 && step % Math.max(1, swaps / 10) == 0) {
                Census now = Census.take(step, plugins, needed);
                seen.add(now);
                progress.accept(now);
              }
              return step > 0 && step <= swaps ? List.of(SwapOrder.of(twin())) : List.of();
            });
    trial.run();
    long made = trial.answers().stream().filter(SwapTrial.Answer::switched).count();
    int half = (seen.size() + 1) / 2; // by then all is there that swaps need
    Census first = Census.most(seen.subList(0, half));
    Census last = Census.most(seen.subList(half, seen.size()));
    return new Proof(
        swaps + " swaps in one run",
        made == swaps && last.flat(first, needed),
        made + " made; " + first + "; " + last,
        trial.answers());
  }

  /** Draws tokens while plugins are swapped without a pause. */
  public Proof decoding() throws IOException {
    List<SwappedDecoding.Drawn> drawn =
        SwappedDecoding.twice(config, plugins, device, () -> twin());
    plugins.removeAdded();
    List<SwapReport> swaps = drawn.get(1).swaps();
    Optional<SwapReport> refused = swaps.stream().filter(each -> !each.switched()).findFirst();
    boolean same = drawn.get(0).tokens().equals(drawn.get(1).tokens());
    return new Proof(
        "swaps under load in decoding",
        same && refused.isEmpty() && !swaps.isEmpty(),
        swaps.size()
            + " swaps while "
            + drawn.get(1).tokens().size()
            + " tokens were drawn"
            + refused.map(each -> ", one refused: " + each.reason()).orElse("")
            + (same ? ", the same tokens" : ", OTHER TOKENS")
            + " as without swaps",
        List.of());
  }

  /** Kills a run before, during and after a swap, after which it goes on. */
  public Proof killed(Path script) throws IOException {
    List<String> rounds = new ArrayList<>();
    boolean passed = true;
    for (long delay : new long[] {20, 60, 120, 3000}) {
      Path own = Files.createDirectories(folder.resolve("killed-" + delay));
      try {
        rounds.add(new KilledRun(script, config, own).goesOn(twin(0), delay));
      } catch (IOException e) {
        passed = false;
        rounds.add("killed " + delay + " ms after the request: " + e.getMessage());
      }
    }
    return new Proof(
        "kill -9 during a swap, then resume",
        passed,
        rounds.size() + " rounds\n    " + String.join("\n    ", rounds),
        List.of());
  }
}
