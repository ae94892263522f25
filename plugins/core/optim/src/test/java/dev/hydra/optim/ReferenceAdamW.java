package dev.hydra.optim;

/** Algorithm 2 of arXiv 1711.05101 for one parameter, written down number by number. */
final class ReferenceAdamW {
  private final AdamW.Constants constants;
  private final boolean decay;
  private final double[] value;
  private final double[] average;
  private final double[] square;
  private int step;

  ReferenceAdamW(AdamW.Constants constants, boolean decay, double[] value) {
    this.constants = constants;
    this.decay = decay;
    this.value = value;
    average = new double[value.length];
    square = new double[value.length];
  }

  void step(double[] gradient, double learningRate) {
    step++;
    double beta1 = constants.beta1();
    double beta2 = constants.beta2();
    for (int i = 0; i < value.length; i++) {
      double old = value[i];
      average[i] = beta1 * average[i] + (1 - beta1) * gradient[i];
      square[i] = beta2 * square[i] + (1 - beta2) * gradient[i] * gradient[i];
      double averageHat = average[i] / (1 - Math.pow(beta1, step));
      double squareHat = square[i] / (1 - Math.pow(beta2, step));
      value[i] -= learningRate * averageHat / (Math.sqrt(squareHat) + constants.epsilon());
      if (decay) {
        value[i] -= learningRate * constants.weightDecay() * old;
      }
    }
  }

  double[] value() {
    return value;
  }
}
