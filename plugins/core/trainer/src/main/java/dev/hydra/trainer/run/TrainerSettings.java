package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.model.Recompute;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.trainer.metrics.MetricsSettings;
import dev.hydra.trainer.metrics.TensorBoard;
import dev.hydra.trainer.swap.GuardSettings;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Device;

/**
 * The configuration of a training run, the object {@code trainer}.
 *
 * @param steps optimizer steps in all
 * @param batchSize sequences per forward
 * @param accumulate forwards per optimizer step
 * @param precision the compute type asked for
 * @param kernels whether CUDA kernels or LibTorch's operators compute what both can
 * @param recompute which blocks are computed again in backward
 * @param graph whether steps, and forwards of evaluations, are captured as CUDA graphs
 * @param determinism whether the same run gives the same bits on CUDA, too
 * @param seed what parameters are drawn from
 * @param logEvery steps from one line of metrics to the next
 * @param evaluateEvery steps from one evaluation to the next; 0: only at the end
 * @param evaluationWindows windows per evaluation, except the last one
 * @param finalWindows windows of the last evaluation; {@link Integer#MAX_VALUE}: all
 * @param checkpointEvery steps from one checkpoint to the next; 0: only at the end
 * @param checkpointKeep how many checkpoints stay
 * @param checkpointAtStages whether one is written before each stage
 * @param samplePrompt what the sample at the end continues; empty: no sample
 * @param sampleTokens how long the sample is
 * @param guard when swaps of components are rolled back
 * @param emaDecay how much of the average of the parameters a step keeps; none: there is none
 * @param metrics what is measured besides every step
 * @param tensorBoard whether event files of TensorBoard are written
 * @param initFrom the folder whose weights the training begins with; none: they are drawn
 * @param lora which linear maps are trained by low-rank adapters; none: all parameters are trained
 */
public record TrainerSettings(
    int steps,
    int batchSize,
    int accumulate,
    ComputeType.Choice precision,
    KernelMode kernels,
    Recompute recompute,
    GraphMode graph,
    Determinism determinism,
    int seed,
    int logEvery,
    int evaluateEvery,
    int evaluationWindows,
    int finalWindows,
    int checkpointEvery,
    int checkpointKeep,
    boolean checkpointAtStages,
    String samplePrompt,
    int sampleTokens,
    GuardSettings guard,
    Optional<Double> emaDecay,
    MetricsSettings metrics,
    TensorBoard.Mode tensorBoard,
    Optional<String> initFrom,
    Optional<LoraSettings> lora) {
  /** Which settings take less memory, in words. */
  public static final String LESS_MEMORY =
      "a smaller trainer.batch-size (and trainer.accumulate for the same batch in all), a shorter"
          + " data.sequence-length, or trainer.recompute = full";

  /** Where a configuration says what weights a training begins with. */
  public static final String INIT_FROM_PATH = "trainer.init-from";

  private static final Option<Integer> STEPS =
      Option.integer("steps", "optimizer steps in all").atLeast(1);
  private static final Option<Integer> BATCH_SIZE =
      Option.integer("batch-size", "sequences per forward").atLeast(1).orElse(8);
  private static final Option<Integer> ACCUMULATE =
      Option.integer("accumulate", "forwards per optimizer step").atLeast(1).orElse(1);
  private static final Option<ComputeType.Choice> PRECISION =
      Option.choice("precision", ComputeType.Choice.class, "the type to compute in")
          .orElse(ComputeType.Choice.AUTO);
  private static final Option<KernelMode> KERNELS =
      Option.choice(
              "kernels",
              KernelMode.class,
              "on CUDA: fused kernels (fused fails without them) or plain LibTorch operators")
          .orElse(KernelMode.AUTO);
  private static final Option<Recompute> RECOMPUTE =
      Option.choice(
              "recompute",
              Recompute.class,
              "which blocks are computed again in backward, which takes less memory and more time:"
                  + " none, every second one (selective), or all (full)")
          .orElse(Recompute.NONE);
  private static final Option<GraphMode> GRAPH =
      Option.choice(
              "graph",
              GraphMode.class,
              "on CUDA: capture the step, and the forward of evaluations, once as a graph and"
                  + " replay it, or issue every operator")
          .orElse(GraphMode.AUTO);
  private static final Option<Boolean> DETERMINISTIC =
      Option.flag(
              "deterministic",
              "the same run gives the same bits; on CUDA attention is slower for it in float32, with"
                  + " heads of other sizes than 64 and 128, and on other devices than Hopper")
          .orElse(true);
  private static final Option<Integer> SEED =
      Option.integer("seed", "what parameters are drawn from").orElse(0);
  private static final Option<Integer> LOG_EVERY =
      Option.integer("log-every", "steps from one line of metrics to the next")
          .atLeast(1)
          .orElse(1);
  private static final Option<TensorBoard.Mode> TENSORBOARD =
      Option.choice(
              "tensorboard",
              TensorBoard.Mode.class,
              "whether the metrics are written to the run folder for TensorBoard, too")
          .orElse(TensorBoard.Mode.ON);

  private static final Option<Optional<String>> INIT_FROM =
      Option.text(
              "init-from",
              "the folder whose weights the training begins with: an imported model, a run folder"
                  + " or a checkpoint; the same as --init-from")
          .optional("weights are drawn");

  private static final Option<Integer> EVALUATION_EVERY =
      Option.integer("every", "steps between evaluations; 0: only at the end")
          .atLeast(0)
          .orElse(200);
  private static final Option<Integer> EVALUATION_WINDOWS =
      Option.integer("windows", "windows per evaluation, except the last one")
          .atLeast(1)
          .orElse(64);
  private static final Option<Integer> EVALUATION_FINAL =
      Option.integer("final-windows", "windows of the last evaluation; 0: all that are held out")
          .atLeast(0)
          .orElse(256);

  private static final Option<Integer> CHECKPOINT_EVERY =
      Option.integer("every", "steps between checkpoints; 0: only at the end")
          .atLeast(0)
          .orElse(500);
  private static final Option<Integer> CHECKPOINT_KEEP =
      Option.integer("keep", "how many checkpoints stay").atLeast(1).orElse(3);
  private static final Option<Boolean> CHECKPOINT_AT_STAGES =
      Option.flag(
              "at-stages",
              "whether one is written before each stage, to go on from if the stage goes wrong")
          .orElse(true);

  private static final Option<Optional<Double>> EMA_DECAY =
      Option.decimal("decay", "how much of the average a step keeps, once it is under way")
          .where(value -> value >= 0 && value < 1, "at least 0 and less than 1")
          .optional("no average");

  private static final Option<String> SAMPLE_PROMPT =
      Option.text("prompt", "what the sample at the end continues; empty: no sample").orElse("");
  private static final Option<Integer> SAMPLE_TOKENS =
      Option.integer("tokens", "how long the sample at the end is").atLeast(1).orElse(256);

  private static final List<Option<?>> OPTIONS =
      List.of(
          STEPS,
          BATCH_SIZE,
          ACCUMULATE,
          PRECISION,
          KERNELS,
          RECOMPUTE,
          GRAPH,
          DETERMINISTIC,
          SEED,
          LOG_EVERY,
          TENSORBOARD,
          INIT_FROM);
  private static final List<Option<?>> EVALUATION =
      List.of(EVALUATION_EVERY, EVALUATION_WINDOWS, EVALUATION_FINAL);
  private static final List<Option<?>> CHECKPOINT =
      List.of(CHECKPOINT_EVERY, CHECKPOINT_KEEP, CHECKPOINT_AT_STAGES);
  private static final List<Option<?>> EMA = List.of(EMA_DECAY);
  private static final List<Option<?>> SAMPLE = List.of(SAMPLE_PROMPT, SAMPLE_TOKENS);

  /** Returns all options of {@code trainer}, for documentation. */
  public static List<OptionGroup> documentation() {
    return List.of(
        new OptionGroup("trainer", "The run.", OPTIONS),
        new OptionGroup(
            "trainer.evaluation", "How the model is scored on held-out text.", EVALUATION),
        new OptionGroup("trainer.checkpoint", "What is kept to go on from.", CHECKPOINT),
        new OptionGroup(
            "trainer.ema", "An exponential moving average of the trained parameters.", EMA),
        new OptionGroup("trainer.sample", "The text that is generated at the end.", SAMPLE),
        LoraSettings.documentation(),
        GuardSettings.documentation(),
        MetricsSettings.documentation(),
        StageSettings.documentation());
  }

  /**
   * Reads the object {@code trainer}.
   *
   * @throws dev.hydra.api.ConfigException if it holds anything wrong
   */
  public static TrainerSettings read(Config trainer) {
    Settings main =
        Settings.read(
            "trainer",
            trainer,
            OPTIONS,
            "evaluation",
            "checkpoint",
            "ema",
            "sample",
            "swap",
            "metrics",
            LoraSettings.KEY,
            StageSettings.KEY);
    Settings evaluation = part(trainer, "evaluation", EVALUATION);
    int last = evaluation.get(EVALUATION_FINAL);
    Settings checkpoint = part(trainer, "checkpoint", CHECKPOINT);
    Settings sample = part(trainer, "sample", SAMPLE);
    return new TrainerSettings(
        main.get(STEPS),
        main.get(BATCH_SIZE),
        main.get(ACCUMULATE),
        main.get(PRECISION),
        main.get(KERNELS),
        main.get(RECOMPUTE),
        main.get(GRAPH),
        main.get(DETERMINISTIC) ? Determinism.ON : Determinism.OFF,
        main.get(SEED),
        main.get(LOG_EVERY),
        evaluation.get(EVALUATION_EVERY),
        evaluation.get(EVALUATION_WINDOWS),
        last == 0 ? Integer.MAX_VALUE : last,
        checkpoint.get(CHECKPOINT_EVERY),
        checkpoint.get(CHECKPOINT_KEEP),
        checkpoint.get(CHECKPOINT_AT_STAGES),
        sample.get(SAMPLE_PROMPT),
        sample.get(SAMPLE_TOKENS),
        GuardSettings.read(ConfigFiles.part(trainer, "swap")),
        part(trainer, "ema", EMA).get(EMA_DECAY),
        MetricsSettings.read(ConfigFiles.part(trainer, "metrics")),
        main.get(TENSORBOARD),
        main.get(INIT_FROM),
        LoraSettings.read(trainer));
  }

  private static Settings part(Config trainer, String key, List<Option<?>> options) {
    return Settings.read("trainer." + key, ConfigFiles.part(trainer, key), options);
  }

  /**
   * Reads the optimizer of a whole configuration, which keeps averages of parameters if that is set
   * here.
   *
   * @throws dev.hydra.api.ConfigException for the first mistake in it
   */
  public OptimizerSettings optimizer(Config whole, PluginRegistry plugins) {
    OptimizerSettings plain = OptimizerSettings.read(ConfigFiles.part(whole, "optimizer"), plugins);
    return emaDecay.map(plain::averaging).orElse(plain);
  }

  /** Says which setting does nothing on a device, for users. */
  public Optional<String> withoutEffect(Device device) {
    return kernels == KernelMode.FUSED && !device.is_cuda()
        ? Optional.of(
            "trainer.kernels = fused has no effect: fused kernels are for CUDA devices, and this is "
                + device.str().getString())
        : Optional.empty();
  }

  /** Returns the tokens of one optimizer step, for sequences of a length. */
  public long tokensPerStep(int sequenceLength) {
    return (long) batchSize * accumulate * sequenceLength;
  }
}
