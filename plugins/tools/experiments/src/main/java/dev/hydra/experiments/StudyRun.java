package dev.hydra.experiments;

import dev.hydra.composer.model.Components;
import dev.hydra.libtorch.runtime.Determinism;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;

/**
 * Carries out a study: for each model and task all learning rates with the first seed, then the
 * other seeds at the rate that did best in validation. What the cache knows is not trained again;
 * what another process is training is waited for, so that several share the work. A training that
 * is repeated on a device of the same kind, on a CPU with the same number of threads, gives the
 * same bits.
 */
public final class StudyRun {
  /** How long to wait where other processes have all that is left. */
  private static final long WAIT_MILLIS = 200;

  private final Study study;
  private final Components components;
  private final Device device;
  private final TrialCache cache;
  private final StudyListener listener;
  private final Map<StudyTask, Examples> examples = new HashMap<>();
  private final Map<Trial, TrialKey> keys = new HashMap<>();
  private final Map<Trial, TrialResult> results = new LinkedHashMap<>();
  private final Set<Path> damaged = new HashSet<>();
  private Work work = Work.NONE;

  /** Prepares a run. */
  public StudyRun(
      Study study, Components components, Device device, TrialCache cache, StudyListener listener) {
    this.study = study;
    this.components = components;
    this.device = device;
    this.cache = cache;
    this.listener = listener;
  }

  /** Returns what was trained so far. */
  public Work work() {
    return work;
  }

  /** Returns how many trainings there are. */
  public int trials() {
    return study.tasks().size()
        * study.models().size()
        * (study.rates().size() + study.seeds() - 1);
  }

  /**
   * Runs.
   *
   * @param stop asked after every step; results that are complete are kept
   * @return what came out for each model, task by task; nothing if it was stopped
   * @throws dev.hydra.api.ConfigException if models do not fit the tasks or are not of equal size;
   *     before anything is trained
   */
  public Optional<List<ModelOutcome>> run(BooleanSupplier stop) throws IOException {
    try (Determinism.Setting sameBits = Determinism.ON.set()) {
      return outcomes(stop);
    }
  }

  private Optional<List<ModelOutcome>> outcomes(BooleanSupplier stop) throws IOException {
    List<ModelSize> sizes = study.sizes().check(study, components);
    List<Trial> sweep = new ArrayList<>();
    each(
        (task, model, index) ->
            study
                .rates()
                .forEach(rate -> sweep.add(new Trial(task, model, rate, steps(sizes, index), 0))));
    if (!complete(sweep, stop)) {
      return Optional.empty();
    }
    List<Trial> seeds = new ArrayList<>();
    each(
        (task, model, index) -> {
          double best = ModelOutcome.best(swept(sweep, task, model), study.budget().selection());
          for (int seed = 0; seed < study.seeds(); seed++) {
            seeds.add(new Trial(task, model, best, steps(sizes, index), seed));
          }
        });
    if (!complete(seeds, stop)) {
      return Optional.empty();
    }
    List<ModelOutcome> all = new ArrayList<>();
    each(
        (task, model, index) -> {
          List<Trial> own = seeds.stream().filter(each -> each.of(task, model)).toList();
          all.add(
              new ModelOutcome(
                  task,
                  model,
                  sizes.get(index),
                  swept(sweep, task, model),
                  own.get(0).rate(),
                  own.stream().map(this::result).toList()));
        });
    return Optional.of(List.copyOf(all));
  }

  @FunctionalInterface
  private interface Pair {
    void of(StudyTask task, StudyModel model, int index);
  }

  private void each(Pair action) {
    int index = 0;
    for (StudyTask task : study.tasks()) {
      for (StudyModel model : study.models()) {
        action.of(task, model, index++);
      }
    }
  }

  private static int steps(List<ModelSize> sizes, int index) {
    return sizes.get(index).steps();
  }

  private Map<Double, TrialResult> swept(List<Trial> sweep, StudyTask task, StudyModel model) {
    Map<Double, TrialResult> results = new LinkedHashMap<>();
    sweep.stream()
        .filter(each -> each.of(task, model))
        .forEach(each -> results.put(each.rate(), result(each)));
    return results;
  }

  private TrialResult result(Trial trial) {
    return Objects.requireNonNull(results.get(trial), trial::toString);
  }

  /**
   * Makes all results, or waits for them where another process makes one; says whether it was not
   * stopped before.
   */
  private boolean complete(List<Trial> trials, BooleanSupplier stop) throws IOException {
    Set<Trial> left = new LinkedHashSet<>(trials);
    left.removeAll(results.keySet());
    collect(left);
    while (!left.isEmpty()) {
      if (stop.getAsBoolean()) {
        return false;
      }
      if (!trainOne(left, stop)) {
        pause();
      }
      collect(left);
    }
    return true;
  }

  /** Takes over what is known, also of what other processes have made meanwhile. */
  private void collect(Set<Trial> left) throws IOException {
    for (Trial trial : List.copyOf(left)) {
      Optional<TrialResult> known = known(trial);
      if (known.isPresent()) {
        left.remove(trial);
        ended(trial, known.get(), true);
      }
    }
  }

  private Optional<TrialResult> known(Trial trial) throws IOException {
    return cache.get(
        key(trial),
        file -> {
          if (damaged.add(file)) {
            listener.warned(file + " is damaged: its training is made again");
          }
        });
  }

  private void ended(Trial trial, TrialResult result, boolean cached) {
    results.put(trial, result);
    listener.ended(trial, result, cached, results.size(), trials());
  }

  private TrialKey key(Trial trial) {
    return keys.computeIfAbsent(trial, each -> new TrialKey(study, each, components, device));
  }

  /** Trains the first that no other process is training; says whether there was one. */
  private boolean trainOne(Set<Trial> left, BooleanSupplier stop) throws IOException {
    for (Trial trial : left) {
      Optional<TrialClaim> claim = cache.claim(key(trial));
      if (claim.isPresent()) {
        try (TrialClaim held = claim.get()) {
          if (known(trial).isEmpty()) { // else made by who had the claim before
            train(trial, left, stop);
          }
        }
        return true;
      }
    }
    return false;
  }

  /** Trains; what others have completed meanwhile is counted before it. */
  private void train(Trial trial, Set<Trial> left, BooleanSupplier stop) throws IOException {
    Examples own =
        examples.computeIfAbsent(trial.task(), task -> new Examples(task, study.budget()));
    listener.began(trial);
    Optional<TrialResult> result =
        new TrialRun(study, trial, own).run(components, device, stop, listener::warned);
    if (result.isPresent()) {
      cache.put(key(trial), result.get());
      long tokens = TrainingBatches.tokens(own, study.budget(), result.get().steps());
      work = work.plus(new Work(1, tokens));
      left.remove(trial);
      collect(left);
      ended(trial, result.get(), false);
    }
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(WAIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while another process was training", e);
    }
  }
}
