"""What serves a trained model, each room from the one before: signatures, exported, clients, feature_service.

docs/serving.md says what an export answers, docs/feature_service.md how the service is asked.
"""
