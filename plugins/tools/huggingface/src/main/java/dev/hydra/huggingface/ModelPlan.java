package dev.hydra.huggingface;

import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A published model in our terms.
 *
 * @param backbone what it has besides its layers
 * @param layer the blocks of a layer
 */
record ModelPlan(Backbone backbone, List<BlockPlan> layer) {
  private static final String HEAD = "lm_head.weight";

  ModelPlan(Backbone backbone, BlockPlan... layer) {
    this(backbone, List.of(layer));
  }

  /** All tensors, from theirs to ours. */
  List<Mapping> mappings() {
    List<Mapping> all = new ArrayList<>();
    Backbone.Names names = backbone.names();
    Mappings model = new Mappings("", names.prefix(), all);
    long width = backbone.width();
    model.renamed("embedding.weight", names.embedding() + ".weight", backbone.vocabSize(), width);
    for (int i = 0; i < backbone.depth(); i++) {
      for (int j = 0; j < layer.size(); j++) {
        SitePath block = SitePath.block(i * layer.size() + j);
        layer.get(j).map(i, width, model.at(block.fullName(""), "layers." + i + "."));
      }
    }
    model.renamed("norm.weight", names.norm() + ".weight", width);
    if (!backbone.tied()) {
      new Mappings("", "", all).renamed("head.weight", HEAD, backbone.vocabSize(), width);
    }
    return List.copyOf(all);
  }

  /** Tensors of theirs that may be left out, and those that they must equal if they are there. */
  Map<String, String> duplicates() {
    Backbone.Names names = backbone.names();
    return backbone.tied() ? Map.of(HEAD, names.table()) : Map.of();
  }

  /** The same for a file that may have tensors under the names that they had before. */
  ModelPlan namedAs(Set<String> tensors) {
    Backbone.Names former = backbone.names().former();
    boolean old = !tensors.contains(backbone.names().table()) && tensors.contains(former.table());
    return old ? new ModelPlan(backbone.named(former), layer) : this;
  }

  /** The same with the tokens of another description for generation. */
  ModelPlan generating(PublishedConfig generation) {
    return new ModelPlan(backbone.generating(generation), layer);
  }

  /** The model as HOCON. */
  String text() {
    return new ModelText(this).render();
  }

  /** The layers {@code 0..depth-1} that are not among some. */
  static List<Integer> others(List<Integer> some, int depth) {
    Set<Integer> rest = new TreeSet<>();
    for (int i = 0; i < depth; i++) {
      rest.add(i);
    }
    some.forEach(rest::remove);
    return List.copyOf(rest);
  }

  /** All layers. */
  static List<Integer> all(int depth) {
    return others(List.of(), depth);
  }
}
