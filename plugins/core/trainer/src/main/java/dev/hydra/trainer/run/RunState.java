package dev.hydra.trainer.run;

import dev.hydra.api.PluginId;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.ValidationSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a run is besides its tensors, as it goes on.
 *
 * @param experiment what it was to be
 * @param model the model as it is now
 * @param swapper knows what stands at its sites
 * @param stages its stages
 */
record RunState(Experiment experiment, Model model, Swapper swapper, StageRun stages) {
  /** Returns the state after so many steps. */
  TrainerState at(long step) {
    List<String> unused =
        model.parameters().all().stream().filter(Parameter::unused).map(Parameter::name).toList();
    return new TrainerState(
        step,
        stages.dataset().train().position(),
        model.placement().compute().name(),
        plugins(),
        sites(),
        unused,
        Optional.of(stages.dataset().fingerprint()),
        scored(),
        Optional.of(nextRate(step)),
        stages.current().name(),
        stages.growing());
  }

  /** Returns all plugins that the run uses, sorted. */
  List<PluginId> plugins() {
    Set<PluginId> all = new TreeSet<>(model.plugins());
    experiment.plugins().forEach(each -> all.add(each.plugin()));
    return List.copyOf(all);
  }

  private Map<String, String> scored() {
    Map<String, String> texts = new TreeMap<>();
    for (ValidationSet set : stages.dataset().validation()) {
      set.own().ifPresent(text -> texts.put(set.name(), text));
    }
    return texts;
  }

  private Map<SitePath, PluginId> sites() {
    Map<SitePath, PluginId> sites = new LinkedHashMap<>();
    swapper.list().forEach((site, version) -> sites.put(site, version.plugin()));
    return sites;
  }

  /** The learning rate of the next step; after the last step its own. */
  private double nextRate(long step) {
    return stages.rate(Math.min(step, experiment.trainer().steps() - 1L));
  }
}
