package dev.hydra.huggingface;

import com.typesafe.config.Config;
import dev.hydra.composer.BlockSpec;
import dev.hydra.composer.ModelSpec;
import dev.hydra.composer.PathSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** Tells in what two models differ that should compute the same. */
final class SpecDifferences {
  /** Options of components that say how they learn or how fast they are, not what they compute. */
  private static final Set<String> FREE =
      Set.of("chunk", "dt-min", "dt-max", "router.balance-loss", "router.z-loss");

  private final List<String> found = new ArrayList<>();

  private SpecDifferences() {}

  /** The differences, empty if there are none that matter. */
  static List<String> between(ModelSpec published, ModelSpec model) {
    SpecDifferences differences = new SpecDifferences();
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
      String at = "blocks." + i;
      compare(at + ": topology", published.get(i).topology(), model.get(i).topology());
      List<PathSpec> here = published.get(i).paths();
      List<PathSpec> there = model.get(i).paths();
      compare(
          at + ": paths",
          here.stream().map(PathSpec::name).toList(),
          there.stream().map(PathSpec::name).toList());
      for (int j = 0; j < Math.min(here.size(), there.size()); j++) {
        path(at + "." + here.get(j).name() + ": ", here.get(j), there.get(j));
      }
    }
  }

  private void path(String at, PathSpec published, PathSpec model) {
    compare(at + "role", published.role(), model.role());
    compare(at + "input-scale", published.inputScale(), model.inputScale());
    compare(at + "scale", published.scale(), model.scale());
    compare(at + "gate", published.gate(), model.gate());
    Config ours = published.config();
    Config theirs = model.config();
    List<String> keys = new ArrayList<>();
    ours.entrySet().forEach(entry -> keys.add(entry.getKey()));
    theirs.entrySet().forEach(entry -> keys.add(entry.getKey()));
    keys.stream()
        .distinct()
        .sorted()
        .filter(key -> !FREE.contains(key))
        .forEach(key -> compare(at + key, value(ours, key), value(theirs, key)));
  }

  private static String value(Config config, String key) {
    return config.hasPath(key) ? config.getValue(key).unwrapped().toString() : "its default";
  }

  private void compare(String what, Object published, Object model) {
    if (!Objects.equals(published, model)) {
      found.add(what + " is " + model + ", not " + published);
    }
  }
}
