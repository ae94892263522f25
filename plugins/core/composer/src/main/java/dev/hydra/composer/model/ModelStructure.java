package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The parts that a model is made of: embedding, blocks, final norm and head. A swap changes the
 * components in them; where paths or blocks come and go, a model takes another structure.
 */
public final class ModelStructure {
  private static final double EMBEDDING_DEVIATION = 0.02;

  private final ModelSpec spec;
  private final PartParameters own;
  private final Tensor embedding;
  private final List<ResidualBlock> blocks = new ArrayList<>();
  private final Norm norm;
  private final Tensor head;

  /**
   * Builds the parts.
   *
   * @param context the component types, and where parameters come from
   */
  ModelStructure(ModelSpec spec, SiteContext context, Placement precision) {
    this.spec = spec;
    this.own = new PartParameters(context.parameters());
    this.embedding = own.of(ModelPart.EMBEDDING).borrow("embedding.weight", table(spec));
    for (int i = 0; i < spec.blocks().size(); i++) {
      blocks.add(
          new ResidualBlock(
              spec, spec.blocks().get(i), context, own, precision, SitePath.block(i)));
    }
    this.norm = new Norm(spec, own.of(ModelPart.NORM), "norm");
    this.head =
        spec.tieEmbeddings()
            ? embedding
            : own.of(ModelPart.HEAD).borrow("head.weight", table(spec));
  }

  private static ParameterSpec table(ModelSpec spec) {
    return ParameterSpec.of(
        "weight", Init.normal(EMBEDDING_DEVIATION), spec.vocabSize(), spec.width());
  }

  /** Returns the spec that it was built from. */
  ModelSpec spec() {
    return spec;
  }

  PartParameters own() {
    return own;
  }

  Tensor embedding() {
    return embedding;
  }

  /** Returns the blocks, bottom to top. */
  List<ResidualBlock> blocks() {
    return blocks;
  }

  Norm norm() {
    return norm;
  }

  Tensor head() {
    return head;
  }

  /** Returns all slots, each before those below it. */
  List<ComponentSlot> slots() {
    List<ComponentSlot> all = new ArrayList<>();
    for (ResidualBlock block : blocks) {
      block.slots().forEach(slot -> slot.visit(all::add));
    }
    return all;
  }
}
