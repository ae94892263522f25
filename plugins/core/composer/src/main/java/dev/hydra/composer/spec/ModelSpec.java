package dev.hydra.composer.spec;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.OptionGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A model as configured: an embedding, blocks, a final norm and a head.
 *
 * @param vocabSize the number of tokens
 * @param width the width of the hidden states
 * @param norm the kind of norm before every path and before the head
 * @param normEpsilon what is added to the variance
 * @param embeddingScale what embeddings are multiplied by
 * @param logitsScale what logits are multiplied by
 * @param paddingToken the token whose embedding is not trained, if any
 * @param tieEmbeddings whether the head uses the embedding's weights
 * @param blocks the blocks, bottom to top
 */
public record ModelSpec(
    int vocabSize,
    int width,
    NormKind norm,
    double normEpsilon,
    double embeddingScale,
    double logitsScale,
    Optional<Integer> paddingToken,
    boolean tieEmbeddings,
    List<BlockSpec> blocks) {
  private static final Option<Integer> VOCAB_SIZE =
      Option.integer("vocab-size", "the number of tokens").atLeast(2).orElse(256);
  private static final Option<Integer> WIDTH =
      Option.integer("width", "the width of the hidden states").atLeast(1);
  private static final Option<Optional<Integer>> DEPTH =
      Option.integer("depth", "the number of blocks; only with block")
          .atLeast(1)
          .optional("required with block");
  private static final Option<NormKind> NORM =
      Option.choice("norm", NormKind.class, "the norm before every path and before the head")
          .orElse(NormKind.RMSNORM);
  private static final Option<Double> NORM_EPSILON =
      Option.decimal("norm-epsilon", "added to the variance in norms")
          .where(value -> value > 0, "above 0")
          .orElse(1e-5);
  private static final Option<Double> EMBEDDING_SCALE =
      Option.decimal("embedding-scale", "fixed factor of the embeddings").orElse(1.0);
  private static final Option<Double> LOGITS_SCALE =
      Option.decimal("logits-scale", "fixed factor of the logits").orElse(1.0);
  private static final Option<Optional<Integer>> PADDING_TOKEN =
      Option.integer("padding-token", "the token whose embedding is not trained")
          .atLeast(0)
          .optional("none");
  private static final Option<Boolean> TIE_EMBEDDINGS =
      Option.flag("tie-embeddings", "whether the head uses the embedding's weights").orElse(true);
  private static final Option<Integer> REPEAT =
      Option.integer("repeat", "how often the entry's blocks are repeated").atLeast(1).orElse(1);
  private static final Option<Topology> TOPOLOGY =
      Option.choice("topology", Topology.class, "how paths are put together")
          .orElse(Topology.SEQUENTIAL);

  private static final Option<Optional<ConfigValue>> BLOCK =
      Option.any("block", "object", "what a block is made of").optional("or else a list of blocks");
  private static final Option<Optional<ConfigValue>> STACK =
      Option.any("stack", "list of objects", "different blocks on top of each other")
          .optional("or else block");
  private static final Option<Optional<ConfigValue>> BLOCKS =
      Option.any(
              "blocks", "list of objects", "a sequence of blocks, each of them an object as block")
          .optional("block");
  private static final Option<Optional<ConfigValue>> PATHS =
      Option.any("paths", "list of objects", "the paths round the residual stream")
          .optional("required");

  private static final List<Option<?>> OPTIONS =
      List.of(
          VOCAB_SIZE,
          WIDTH,
          DEPTH,
          BLOCK,
          STACK,
          NORM,
          NORM_EPSILON,
          EMBEDDING_SCALE,
          LOGITS_SCALE,
          PADDING_TOKEN,
          TIE_EMBEDDINGS);
  private static final List<Option<?>> ENTRY_OPTIONS = List.of(REPEAT, BLOCK, BLOCKS);
  private static final List<Option<?>> BLOCK_OPTIONS = List.of(TOPOLOGY, PATHS);

  /** Returns all options of {@code model}, for documentation. */
  public static List<OptionGroup> documentation() {
    return List.of(
        new OptionGroup(
            "model",
            "An embedding, blocks, a final norm and a head. The blocks are `block`, `depth` times,"
                + " or a `stack`.",
            OPTIONS),
        new OptionGroup(
            "model.stack[]",
            "An entry of the stack: a block, or a sequence of blocks, `repeat` times.",
            ENTRY_OPTIONS),
        new OptionGroup(
            "model.block", "What a block is made of; those of a stack, too.", BLOCK_OPTIONS),
        PathSpec.documentation());
  }

  /**
   * Reads {@code model { ... }} from a resolved configuration. Types and options of components are
   * checked when the model is built.
   *
   * @throws ConfigException for everything that does not fit, with file, line and path
   */
  public static ModelSpec read(Config root) {
    if (!root.hasPath("model")) {
      throw new ConfigException(
          root.origin(), "model", "is missing: the configuration describes no model");
    }
    if (!(root.getValue("model") instanceof ConfigObject object)) {
      throw new ConfigException(root.getValue("model").origin(), "model", "must be an object");
    }
    Config model = object.toConfig();
    Settings settings = Settings.read("model", model, OPTIONS);
    return new ModelSpec(
        settings.get(VOCAB_SIZE),
        settings.get(WIDTH),
        settings.get(NORM),
        settings.get(NORM_EPSILON),
        settings.get(EMBEDDING_SCALE),
        settings.get(LOGITS_SCALE),
        paddingToken(settings),
        settings.get(TIE_EMBEDDINGS),
        blocks(model, settings));
  }

  /** Returns this spec with other blocks. */
  ModelSpec with(List<BlockSpec> newBlocks) {
    return new ModelSpec(
        vocabSize,
        width,
        norm,
        normEpsilon,
        embeddingScale,
        logitsScale,
        paddingToken,
        tieEmbeddings,
        List.copyOf(newBlocks));
  }

  private static Optional<Integer> paddingToken(Settings settings) {
    Optional<Integer> token = settings.get(PADDING_TOKEN);
    if (token.isPresent() && token.get() >= settings.get(VOCAB_SIZE)) {
      throw settings.invalid(
          PADDING_TOKEN, "must be below vocab-size = " + settings.get(VOCAB_SIZE));
    }
    return token;
  }

  private static List<BlockSpec> blocks(Config model, Settings settings) {
    if (model.hasPath("block") == model.hasPath("stack")) {
      throw new ConfigException(
          model.origin(), "model", "needs either block (with depth) or stack, a list of blocks");
    }
    if (model.hasPath("block")) {
      int depth =
          settings
              .get(DEPTH)
              .orElseThrow(() -> settings.invalid(DEPTH, "is required: the number of blocks"));
      return block(model.getValue("block"), "model.block", depth);
    }
    if (settings.get(DEPTH).isPresent()) {
      throw settings.invalid(DEPTH, "goes with block; with stack the depth is the sum of repeats");
    }
    List<BlockSpec> blocks = new ArrayList<>();
    List<? extends Config> entries = configs(model, "stack", "model.stack");
    for (int i = 0; i < entries.size(); i++) {
      Config entry = entries.get(i);
      String path = "model.stack[" + i + "]";
      blocks.addAll(repeated(entry, path));
    }
    return List.copyOf(blocks);
  }

  /** Reads an entry of a stack: a block, or a sequence of blocks, so many times. */
  private static List<BlockSpec> repeated(Config entry, String path) {
    int count = Settings.read(path, entry, ENTRY_OPTIONS).get(REPEAT);
    if (entry.hasPath("block") == entry.hasPath("blocks")) {
      throw new ConfigException(
          entry.origin(), path, "needs either block or blocks, a list of blocks in turn");
    }
    if (entry.hasPath("block")) {
      return block(entry.getValue("block"), path + ".block", count);
    }
    List<? extends Config> sequence = configs(entry, "blocks", path + ".blocks");
    List<List<BlockSpec>> each = new ArrayList<>();
    for (int i = 0; i < sequence.size(); i++) {
      each.add(block(sequence.get(i).root(), path + ".blocks[" + i + "]", count));
    }
    List<BlockSpec> blocks = new ArrayList<>();
    for (int turn = 0; turn < count; turn++) {
      for (List<BlockSpec> block : each) {
        blocks.add(block.get(turn));
      }
    }
    return blocks;
  }

  private static List<BlockSpec> block(ConfigValue value, String path, int count) {
    if (!(value instanceof ConfigObject object)) {
      throw new ConfigException(value.origin(), path, "must be an object { paths = [ ... ] }");
    }
    Config config = object.toConfig();
    Topology topology = Settings.read(path, config, BLOCK_OPTIONS).get(TOPOLOGY);
    List<PathSpec> paths =
        PathSpec.readAll(
            configs(config, "paths", path + ".paths"), path + ".paths", topology, count);
    List<BlockSpec> blocks = new ArrayList<>();
    for (int index = 0; index < count; index++) {
      int here = index;
      blocks.add(
          new BlockSpec(
              topology,
              paths.stream()
                  .filter(p -> p.at().map(slice -> slice.contains(here, count)).orElse(true))
                  .toList()));
    }
    return List.copyOf(blocks);
  }

  private static List<? extends Config> configs(Config config, String key, String path) {
    if (!config.hasPath(key)) {
      throw new ConfigException(config.origin(), path, "is required: a list of objects");
    }
    ConfigValue value = config.getValue(key);
    boolean objects =
        value.valueType() == ConfigValueType.LIST
            && config.getList(key).stream()
                .allMatch(element -> element.valueType() == ConfigValueType.OBJECT);
    if (!objects || config.getList(key).isEmpty()) {
      throw new ConfigException(value.origin(), path, "must be a list of objects, not empty");
    }
    return config.getConfigList(key);
  }
}
