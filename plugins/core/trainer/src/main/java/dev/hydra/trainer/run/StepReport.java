package dev.hydra.trainer.run;

/**
 * The report of one optimizer step.
 *
 * @param step its number, from 1
 * @param steps the number of steps in all
 * @param loss mean negative log-likelihood per token, in nats, without auxiliary losses
 * @param auxiliary the sum of the auxiliary losses
 * @param gradientNorm the global norm of the gradient before clipping
 * @param learningRate the learning rate
 * @param tokensPerSecond training tokens per second since the report before
 */
public record StepReport(
    long step,
    long steps,
    double loss,
    double auxiliary,
    double gradientNorm,
    double learningRate,
    double tokensPerSecond) {}
