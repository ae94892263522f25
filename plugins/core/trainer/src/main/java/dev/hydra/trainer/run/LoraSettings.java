package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Messages;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.model.LowRankAdapters;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.optim.Glob;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Which linear maps are trained by low-rank adapters, and all else not at all: the object {@code
 * trainer.lora} (LoRA, arXiv 2106.09685).
 *
 * @param settings the values, for messages
 * @param targets patterns over the names of parameters
 * @param rank of every adapter
 * @param alpha over the rank, what the adapters count
 */
public record LoraSettings(Settings settings, List<Glob> targets, int rank, double alpha) {
  static final String KEY = "lora";
  private static final int NAMED = 4;

  private static final Option<List<String>> TARGETS =
      Option.texts(
              "targets",
              "patterns of the linear maps that get an adapter, such as \"blocks.*.mixer.*\"; * is"
                  + " for any characters, ? for one; what else is like them is passed over")
          .where(targets -> !targets.isEmpty(), "at least one pattern");
  private static final Option<Integer> RANK =
      Option.integer("rank", "the rank of every adapter").atLeast(1).orElse(8);
  private static final Option<Double> ALPHA =
      Option.decimal("alpha", "what the adapters count, over the rank")
          .where(alpha -> alpha > 0, "above 0")
          .orElse(16.0);
  private static final List<Option<?>> OPTIONS = List.of(TARGETS, RANK, ALPHA);

  /** Returns the options, for documentation. */
  static OptionGroup documentation() {
    return new OptionGroup(
        "trainer." + KEY,
        "Low-rank adapters (LoRA): only they are trained. `docs/fine-tuning.md` has an example.",
        OPTIONS);
  }

  /**
   * Reads the object of a configuration, if there is one.
   *
   * @throws ConfigException if it holds anything wrong, or there are stages besides
   */
  static Optional<LoraSettings> read(Config trainer) {
    if (!trainer.hasPath(KEY)) {
      return Optional.empty();
    }
    Settings settings = Settings.read("trainer." + KEY, ConfigFiles.part(trainer, KEY), OPTIONS);
    if (trainer.hasPath(StageSettings.KEY)) {
      throw settings.invalid(
          TARGETS,
          "low-rank adapters cannot be trained in stages (trainer.stages), which change what there"
              + " is to adapt; train one after the other: the second by --init-from");
    }
    return Optional.of(
        new LoraSettings(
            settings,
            settings.get(TARGETS).stream().map(Glob::new).toList(),
            settings.get(RANK),
            settings.get(ALPHA)));
  }

  /**
   * Adds the adapters to a model and freezes all else.
   *
   * @param warned is told which linear maps are passed over, as they are smaller than the rank
   * @throws ConfigException if a pattern is like no linear map, or the rank is larger than all
   */
  public void adapt(Model model, Consumer<String> warned) {
    Set<String> targeted = new LinkedHashSet<>();
    List<String> small = new ArrayList<>();
    for (Glob target : targets) {
      boolean linear = false;
      for (Parameter each : model.parameters().all()) {
        if (target.matches(each.name()) && LowRankAdapters.takes(each.spec())) {
          linear = true;
          if (LowRankAdapters.largestRank(each.spec()) >= rank) {
            targeted.add(each.name());
          } else if (!small.contains(text(each))) {
            small.add(text(each));
          }
        }
      }
      if (!linear) {
        throw settings.invalid(TARGETS, nothing(target, model));
      }
    }
    if (targeted.isEmpty()) {
      throw settings.invalid(
          RANK,
          "is "
              + rank
              + ", more than the smaller side of every linear map that the targets are like: "
              + first(small)
              + "; lower it");
    }
    if (!small.isEmpty()) {
      warned.accept(
          "trainer.lora.rank = "
              + rank
              + " is more than the smaller side of "
              + first(small)
              + ", which get no adapter");
    }
    model.parameters().adapt(targeted::contains, rank, alpha);
  }

  private static String nothing(Glob target, Model model) {
    List<String> matches =
        model.parameters().all().stream().map(Parameter::name).filter(target::matches).toList();
    List<String> maps =
        model.parameters().all().stream()
            .filter(each -> LowRankAdapters.takes(each.spec()))
            .map(Parameter::name)
            .toList();
    return (matches.isEmpty()
            ? "no parameter is like " + target.text()
            : "no linear map is like " + target.text() + ", only " + first(matches))
        + "; the linear maps of the model are "
        + first(maps);
  }

  private static String text(Parameter parameter) {
    return parameter.name() + " " + parameter.spec().shape();
  }

  private static String first(List<String> names) {
    String listed = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
    return names.size() > NAMED ? listed + " and " + (names.size() - NAMED) + " more" : listed;
  }

  /** Says what is trained, in words. */
  String report(Model model) {
    LowRankAdapters adapters = model.parameters().adapters();
    long all = 0;
    long trained = 0;
    for (Parameter each : model.parameters().all()) {
      all += each.spec().elements();
      trained += each.trained() ? each.spec().elements() : 0;
    }
    return String.format(
        "%,d of %s are trained (%.2f %%): low-rank adapters of rank %d on %s",
        trained,
        Messages.count(all, "parameter"),
        100.0 * trained / all,
        rank,
        Messages.count(adapters.count(), "linear map"));
  }
}
