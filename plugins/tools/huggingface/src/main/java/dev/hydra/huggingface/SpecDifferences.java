package dev.hydra.huggingface;

import com.typesafe.config.Config;
import dev.hydra.api.ChildConfig;
import dev.hydra.api.Option;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Settings;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.spec.BlockSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathSpec;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** Tells in what two models differ that should compute the same, however they are written. */
final class SpecDifferences {
  /** Options of components that say how they learn or how fast they are, not what they compute. */
  private static final Set<String> FREE =
      Set.of("chunk", "dt-min", "dt-max", "router.balance-loss", "router.z-loss");

  /**
   * Options that may be left out for others to tell. Whether they tell the same, the shapes of the
   * weights say, which are compared when they move.
   */
  private static final Set<String> SHAPED =
      Set.of("expand", "inner", "hidden", "dt-rank", "kv-heads", "head-dim", "out-bias");

  private final Components components;
  private final List<String> found = new ArrayList<>();

  private SpecDifferences(Components components) {
    this.components = components;
  }

  /**
   * The differences, empty if there are none that matter.
   *
   * @throws dev.hydra.api.ConfigException if there is no such component, or it lacks such an option
   */
  static List<String> between(ModelSpec published, ModelSpec model, Components components) {
    SpecDifferences differences = new SpecDifferences(components);
    differences.compare("vocab-size", published.vocabSize(), model.vocabSize());
    differences.compare("width", published.width(), model.width());
    differences.compare("norm", published.norm(), model.norm());
    differences.compare("norm-epsilon", published.normEpsilon(), model.normEpsilon());
    differences.compare("embedding-scale", published.embeddingScale(), model.embeddingScale());
    differences.compare("logits-scale", published.logitsScale(), model.logitsScale());
    differences.compare("tie-embeddings", published.tieEmbeddings(), model.tieEmbeddings());
    differences.blocks(published.blocks(), model.blocks());
    return List.copyOf(differences.found);
  }

  private void blocks(List<BlockSpec> published, List<BlockSpec> model) {
    compare("the number of blocks", published.size(), model.size());
    for (int i = 0; i < Math.min(published.size(), model.size()); i++) {
      String at = SitePath.block(i).text();
      compare(at + ": topology", published.get(i).topology(), model.get(i).topology());
      List<PathSpec> here = published.get(i).paths();
      List<PathSpec> there = model.get(i).paths();
      compare(
          at + ": paths",
          here.stream().map(PathSpec::name).toList(),
          there.stream().map(PathSpec::name).toList());
      for (int j = 0; j < Math.min(here.size(), there.size()); j++) {
        path(at + "." + here.get(j).name(), here.get(j), there.get(j));
      }
    }
  }

  private void path(String place, PathSpec published, PathSpec model) {
    String at = place + ": ";
    compare(at + "role", published.role(), model.role());
    compare(at + "input-scale", published.inputScale(), model.inputScale());
    compare(at + "scale", published.scale(), model.scale());
    compare(at + "gate", published.gate(), model.gate());
    component(place, "", published.role(), published.config(), model.config());
  }

  /** Compares the values of all options, whether written or left to their defaults. */
  private void component(String at, String prefix, Role role, Config published, Config model) {
    String where = (at + "." + prefix).replaceFirst("\\.$", "");
    Registration ours = components.require(role, published, where);
    Registration theirs = components.require(role, model, where);
    compare(at + ": " + prefix + "type", ours.type(), theirs.type());
    if (!ours.type().equals(theirs.type())) {
      return;
    }
    List<Option<?>> options = ours.factory().options();
    Settings here = Settings.read(where, published, options, "type");
    Settings there = Settings.read(where, model, options, "type");
    for (Option<?> option : options) {
      String key = prefix + option.name();
      if (here.get(option) instanceof ChildConfig<?> child
          && there.get(option) instanceof ChildConfig<?> other) {
        component(at, key + ".", child.role(), child.config(), other.config());
      } else if (!FREE.contains(key)
          && !(SHAPED.contains(key) && here.isSet(option) != there.isSet(option))
          && !here.get(option).equals(there.get(option))) {
        differ(at + ": " + key, text(option, here, published), text(option, there, model));
      }
    }
  }

  private static String text(Option<?> option, Settings settings, Config config) {
    return settings.isSet(option)
        ? config.getValue(option.name()).unwrapped().toString()
        : "its default (" + option.otherwise() + ")";
  }

  private void compare(String what, Object published, Object model) {
    if (!Objects.equals(published, model)) {
      differ(what, published, model);
    }
  }

  private void differ(String what, Object published, Object model) {
    found.add(what + " is " + model + ", not " + published);
  }
}
