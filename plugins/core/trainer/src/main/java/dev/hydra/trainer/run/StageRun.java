package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathChange;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.SpecMerge;
import dev.hydra.composer.swap.StructureChange;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.data.Dataset;
import dev.hydra.trainer.step.TrainingStep;
import dev.hydra.trainer.swap.Swaps;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Takes a training through its stages: model, optimizer state and data follow. */
final class StageRun implements AutoCloseable {
  private final List<Stage> stages;
  private final List<Dataset> datasets;
  private final Model model;
  private final TrainingStep training;
  private final Swaps swaps;
  private Stage current;
  private PathShares growing = PathShares.NONE;

  /**
   * Begins with the first stage.
   *
   * @param datasets the data of every stage
   */
  StageRun(
      List<Stage> stages, List<Dataset> datasets, Model model, TrainingStep training, Swaps swaps) {
    this.stages = stages;
    this.datasets = datasets;
    this.model = model;
    this.training = training;
    this.swaps = swaps;
    this.current = stages.get(0);
  }

  /** Returns the stage that the training is in. */
  Stage current() {
    return current;
  }

  /** Returns its data. */
  Dataset dataset() {
    return datasets.get(current.index());
  }

  /** Says whether another stage begins after so many steps. */
  boolean over(long step) {
    return over(current, step);
  }

  /** Says whether the step after so many is taken as the one before it: no change is due. */
  boolean steady(long step) {
    return !over(step) && !growing.growing();
  }

  private boolean over(Stage stage, long step) {
    return stage.index() < stages.size() - 1 && step >= stage.until();
  }

  private boolean last() {
    return current.index() == stages.size() - 1;
  }

  /** Finds the stage of the step after so many, from a stage on. */
  private Stage at(long step, Stage from) {
    Stage stage = from;
    while (over(stage, step)) {
      stage = stages.get(stage.index() + 1);
    }
    return stage;
  }

  /** Returns the learning rate after so many steps. */
  double rate(long step) {
    return at(step, current).rates().at(step);
  }

  /**
   * Says which stages a training of so many steps does not reach, and in which it ends before what
   * is new has grown in, in words.
   */
  List<String> unfinished(long steps) {
    List<String> all = new ArrayList<>();
    List<String> names =
        stages.stream().filter(each -> each.begin() >= steps).map(Stage::name).toList();
    if (!names.isEmpty()) {
      all.add(
          "trainer.steps is "
              + steps
              + ": the stages "
              + String.join(", ", names)
              + " are never reached");
    }
    stages.stream()
        .filter(each -> each.begin() < steps && each.begin() + each.growIn() > steps)
        .map(
            each ->
                "trainer.steps is "
                    + steps
                    + ": the training ends before the new paths of stage "
                    + each.name()
                    + " have grown in, which takes "
                    + each.growIn()
                    + " steps from step "
                    + each.begin())
        .forEach(all::add);
    return all;
  }

  /**
   * Says that a warm-up takes longer than the steps of its schedule, which begins here, and which
   * groups no parameter is in, once all parameters are there; for users.
   */
  List<String> ofOptimizer() {
    List<String> all = new ArrayList<>();
    if (current.rates().begin() == current.begin()) {
      current.optimizer().shortenedWarmup(current.rates().steps()).ifPresent(all::add);
    }
    if (last()) {
      all.addAll(current.optimizer().unusedGroups(training.optimizer().states().keySet()));
    }
    return all;
  }

  /** Returns what the first stage begins with. */
  StageReport first() {
    return report(current, List.of(), Map.of(), SwapReport.Parameters.NONE);
  }

  /** Begins the next stage, between two steps. */
  StageReport enter() {
    Stage before = current;
    Stage next = stages.get(before.index() + 1);
    Map<String, Long> sizes = sizes(parameter -> true);
    endGrowth();
    ModelSpec spec = SpecMerge.of(before.model(), next.model(), model.spec());
    List<PathChange> changes = PathChange.between(model.spec(), spec);
    SwapReport.Parameters parameters = SwapReport.Parameters.NONE;
    boolean sameModel = changes.isEmpty() && spec.equals(model.spec());
    if (!sameModel || !next.frozen().equals(before.frozen()) || next.otherOptimizer(before)) {
      parameters = change(next, spec);
    }
    follow(before, next);
    current = next;
    growing = next.growIn() == 0 ? PathShares.NONE : new PathShares(added(changes), 0);
    return report(next, changes, sizes, parameters);
  }

  /** Goes on in the stage of a checkpoint, before what it holds is restored. */
  void resume(TrainerState state) {
    Stage stage = of(state);
    if (stage.index() != current.index()) {
      change(stage, stage.model());
      current = stage;
      swaps.windows(dataset().train());
    }
    dataset().train().seek(state.samples());
    Set<SitePath> there =
        model.slots().stream().map(slot -> slot.path()).collect(Collectors.toSet());
    Set<SitePath> still = new HashSet<>(state.growing().sites());
    still.retainAll(there);
    growing = new PathShares(still, state.growing().share());
    growing.into(model);
  }

  /**
   * Returns the stage of a checkpoint.
   *
   * @throws ConfigException if there is none of its name
   */
  Stage of(TrainerState state) {
    if (state.stage().isEmpty()) { // of a training without stages
      return at(Math.max(0, state.step() - 1), stages.get(0));
    }
    return stages.stream()
        .filter(stage -> stage.name().equals(state.stage()))
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    "the checkpoint was made in stage "
                        + state.stage()
                        + ", which trainer.stages does not have ("
                        + stages.stream().map(Stage::name).toList()
                        + "); leave the stages that have begun as they were"));
  }

  private SwapReport.Parameters change(Stage next, ModelSpec spec) {
    training.settings(next.optimizer());
    StructureChange change = new StructureChange(model, spec, next.frozen());
    SwapReport.Parameters parameters = change.report();
    swaps.restructure(change);
    return parameters;
  }

  /** Goes on with the data of the next stage where as many tokens would have been drawn of it. */
  private void follow(Stage before, Stage next) {
    Dataset old = datasets.get(before.index());
    Dataset now = datasets.get(next.index());
    if (!now.equals(old)) {
      long tokens = old.train().position() * before.data().sequenceLength();
      now.train().seek(tokens / next.data().sequenceLength());
      swaps.windows(now.train());
      old.train().close();
    }
  }

  /** Ends what reads the data ahead. */
  @Override
  public void close() {
    datasets.forEach(each -> each.train().close());
  }

  private static Set<SitePath> added(List<PathChange> changes) {
    return changes.stream()
        .filter(change -> change.kind() == PathChange.Kind.ADDED)
        .map(PathChange::site)
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Lets what grows in count for as much as it does in the step after so many. */
  void grow(long step) {
    if (!growing.growing()) {
      return;
    }
    double share = current.growth(step);
    if (share < 1) {
      growing = new PathShares(growing.sites(), share);
      growing.into(model);
    } else {
      endGrowth();
    }
  }

  private void endGrowth() {
    if (growing.growing()) {
      growing = PathShares.NONE;
      training.changed(); // a captured step reads the share
      model.grown();
    }
  }

  /** Returns the paths that grow in, and how much they count as the last step was taken. */
  PathShares growing() {
    return growing;
  }

  /** Returns the configuration that goes on from here. */
  Config config() {
    return StageConfig.write(stages, current, model.spec());
  }

  private StageReport report(
      Stage stage,
      List<PathChange> changes,
      Map<String, Long> before,
      SwapReport.Parameters parameters) {
    Map<String, Long> all = sizes(parameter -> true);
    return new StageReport(
        stage.name(),
        stage.begin(),
        stage.until(),
        changes,
        sum(all, all.keySet()),
        sum(all, parameters.initialised()),
        sum(before, parameters.dropped()),
        sizes(parameter -> parameter.spec().trainable() && !parameter.trained()).values().stream()
            .mapToLong(size -> size)
            .sum(),
        stage.growIn(),
        stage.data().sequenceLength(),
        stage.tokensPerStep());
  }

  private Map<String, Long> sizes(Predicate<Parameter> which) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    model.parameters().all().stream()
        .filter(which)
        .forEach(each -> sizes.put(each.name(), each.spec().elements()));
    return sizes;
  }

  private static long sum(Map<String, Long> sizes, Iterable<String> names) {
    long sum = 0;
    for (String name : names) {
      sum += sizes.getOrDefault(name, 0L);
    }
    return sum;
  }
}
