package dev.hydra.experiments;

import dev.hydra.composer.model.Components;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;

/**
 * Carries out a study: for each model and task all learning rates with the first seed, then the
 * other seeds at the rate that did best in validation. What the cache knows is not trained again.
 */
public final class StudyRun {
  private final Study study;
  private final Components components;
  private final Device device;
  private final TrialCache cache;
  private final StudyListener listener;
  private int number;

  /** Prepares a run. */
  public StudyRun(
      Study study, Components components, Device device, TrialCache cache, StudyListener listener) {
    this.study = study;
    this.components = components;
    this.device = device;
    this.cache = cache;
    this.listener = listener;
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
    List<ModelSize> sizes = study.sizes().check(study, components);
    List<ModelOutcome> all = new ArrayList<>();
    for (StudyTask task : study.tasks()) {
      Examples examples = new Examples(task, study.budget());
      for (StudyModel model : study.models()) {
        ModelSize size = sizes.get(all.size());
        Optional<ModelOutcome> outcome = run(task, model, size, examples, stop);
        if (outcome.isEmpty()) {
          return Optional.empty();
        }
        all.add(outcome.get());
      }
    }
    return Optional.of(List.copyOf(all));
  }

  private Optional<ModelOutcome> run(
      StudyTask task, StudyModel model, ModelSize size, Examples examples, BooleanSupplier stop)
      throws IOException {
    Map<Double, TrialResult> sweep = new LinkedHashMap<>();
    for (double rate : study.rates()) {
      Optional<TrialResult> result =
          run(new Trial(task, model, rate, size.steps(), 0), examples, stop);
      if (result.isEmpty()) {
        return Optional.empty();
      }
      sweep.put(rate, result.get());
    }
    double best = ModelOutcome.best(sweep);
    List<TrialResult> seeds = new ArrayList<>();
    for (int seed = 0; seed < study.seeds(); seed++) {
      Optional<TrialResult> result =
          seed == 0
              ? Optional.ofNullable(sweep.get(best))
              : run(new Trial(task, model, best, size.steps(), seed), examples, stop);
      if (result.isEmpty()) {
        return Optional.empty();
      }
      seeds.add(result.get());
    }
    return Optional.of(new ModelOutcome(task, model, size, sweep, best, seeds));
  }

  private Optional<TrialResult> run(Trial trial, Examples examples, BooleanSupplier stop)
      throws IOException {
    listener.began(trial, ++number, trials());
    TrialKey key = new TrialKey(study, trial, components, device);
    Optional<TrialResult> known = cache.get(key);
    Optional<TrialResult> result =
        known.isPresent()
            ? known
            : new TrialRun(study, trial, examples).run(components, device, stop, listener::warned);
    if (result.isPresent()) {
      if (known.isEmpty()) {
        cache.put(key, result.get());
      }
      listener.ended(trial, result.get(), known.isPresent());
    }
    return result;
  }
}
