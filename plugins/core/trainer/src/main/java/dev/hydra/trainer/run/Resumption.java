package dev.hydra.trainer.run;

import dev.hydra.api.PluginId;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What a run goes on from, and what is not as it was then.
 *
 * @param checkpoint the checkpoint
 * @param state what it says of the run
 * @param folder the folder of the run
 * @param stage the stage that it goes on in
 */
record Resumption(Checkpoint checkpoint, TrainerState state, RunFolder folder, Stage stage) {
  /**
   * Finds the latest intact checkpoint.
   *
   * @param stages finds the stage that it was made in
   * @param warned is told of damaged ones
   * @throws IOException if there is none
   */
  static Resumption latest(
      RunFolder folder, Function<TrainerState, Stage> stages, Consumer<String> warned)
      throws IOException {
    Checkpoint checkpoint =
        folder
            .latestIntact(damaged -> warned.accept(damaged + "; the checkpoint before it is used"))
            .orElseThrow(
                () ->
                    new IOException(
                        "there is no intact checkpoint in " + folder.path() + " to resume from"));
    TrainerState state = checkpoint.state();
    return new Resumption(checkpoint, state, folder, stages.apply(state));
  }

  private ResumeChanges inConfig() {
    return ResumeChanges.since(checkpoint, state, folder, stage.config());
  }

  /** See {@link ResumeChanges#refuseFewer}. */
  void refuseFewer() {
    inConfig().refuseFewer(stage.trainer().steps());
  }

  /**
   * Restores model, optimizer and random generators.
   *
   * @throws IOException if they do not fit the model, saying what is other in its configuration
   */
  SwapReport.Parameters restore(Checkpoints checkpoints, UnexpectedKeys policy) throws IOException {
    try {
      return checkpoints.restore(checkpoint, state, policy);
    } catch (IOException e) {
      throw checkpoint.unfit(stage.config(), e);
    }
  }

  /**
   * Says what is not as it was.
   *
   * @param now the state of the run that goes on
   */
  List<String> changes(TrainerState now) {
    List<String> changes = new ArrayList<>();
    Map<String, String> other = otherPlugins(now);
    if (!other.isEmpty()) {
      changes.add("the checkpoint was made with other plugins: " + other);
    }
    if (!state.compute().equals(now.compute())) {
      changes.add(
          "the checkpoint was computed in "
              + state.compute()
              + ", this run is in "
              + now.compute());
    }
    changes.addAll(inConfig().all(now, stage.trainer().steps()));
    return changes;
  }

  /** Returns the details of the journal's event. */
  Map<String, Object> details(TrainerState now, SwapReport.Parameters parameters) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("sites", otherPlugins(now));
    details.put("migrated", parameters.migrated());
    details.put("initialised", parameters.initialised());
    details.put("dropped", parameters.dropped());
    details.put("kept", parameters.kept());
    return details;
  }

  /** The sites whose plugin is not that of the checkpoint, with the one of then and that of now. */
  private Map<String, String> otherPlugins(TrainerState now) {
    Map<String, String> other = new LinkedHashMap<>();
    now.sites()
        .forEach(
            (site, plugin) -> {
              PluginId before = state.sites().get(site);
              if (!plugin.equals(before)) {
                other.put(site.text(), before + " -> " + plugin);
              }
            });
    return other;
  }
}
